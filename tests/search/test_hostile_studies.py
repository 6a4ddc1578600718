"""Studies that fail, or were edited since their search began: one line, and nothing goes wrong."""

import pytest
from small_searches import STUDY


def edit(home, before, after):
    """Change the study, which must have what is changed."""
    text = (home / "two.py").read_text()
    assert before in text
    (home / "two.py").write_text(text.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('Width("wide", 8, 64)', 'Width("wide", 8, 128)', "space.wide differs"),
        ('"stem"', '"first"', "space.first differs"),
        ('"squeeze": 8', '"squeeze": 16', "first"),
    ],
)
def test_a_space_that_was_edited_is_not_gone_on_with(search, before, after, words):
    assert search("--out", "s")[0] == 0
    edit(search.home, before, after)
    code, out, said = search("--out", "s", "--trials", "4")
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert said.startswith("segbench: cannot go on with this search: ")
    assert words in said
    assert search.told.asked == []


def test_two_files_of_one_stem_are_two_studies(search):
    assert search("--out", "s")[0] == 0
    (search.home / "other").mkdir()
    other = STUDY.replace('Width("stem", 8, 32)', 'Width("stem", 8, 48)')
    (search.home / "other" / "two.py").write_text(other)
    code, out, said = search("--out", "s", "--study", "other/two.py", "--trials", "4")
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert "space.stem differs" in said


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no such\\nthing')", "ValueError: no such thing"),
        ("return values['tall']", "KeyError: 'tall'"),
        ("return 'segfast'", "TypeError: it returned 'segfast'; return a zoo.spec.ModelSpec"),
        ("raise SystemExit('please set CONFIG')", "SystemExit: please set CONFIG"),
        ("return build(values)", "RecursionError"),
    ],
)
def test_a_study_whose_networks_cannot_be_built_is_one_line(search, body, words):
    edit(search.home, '    wide = values["wide"]', f"    {body}")
    code, out, said = search("--out", "s")
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert words in said
    assert not (search.home / "s").exists()


@pytest.mark.parametrize(
    "content",
    [b"STUDY = (", b"\xff\xfe", b"STUDY = 3", b"import no_such_module", b"raise SystemExit", b"\0"],
)
def test_a_study_file_that_cannot_be_run_is_one_line(search, content):
    (search.home / "two.py").write_bytes(content)
    code, out, said = search("--out", "s")
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert "two.py" in said
    assert "Traceback" not in said
