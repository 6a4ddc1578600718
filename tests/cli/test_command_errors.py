"""Wrong input to the command: one line, the right exit code, and no traceback."""

import json
import subprocess
import sys

import pytest
from made_up_results import make_check, make_profile

from segbench.cli import main
from segbench.cli.output import Target
from segbench.results.check import Check
from segbench.results.report import render
from segbench.results.store import save, to_json
from zoo.registry import models

ZOO = ", ".join(models())


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a result, a damaged one and one that was cut off."""
    monkeypatch.chdir(tmp_path)
    save(make_profile(), "good.json")
    fields = json.loads(to_json(make_profile()))
    (tmp_path / "damaged.json").write_text(json.dumps(fields | {"params": "many"}))
    (tmp_path / "cut.json").write_text('{"schema": ')
    (tmp_path / "other.json").write_text('{"schema": "segbench/profile/9"}')
    return tmp_path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["profile", "segfas"],
            (f"unknown model 'segfas'; did you mean 'segfast'? (models: {ZOO}, or "
            "package.module:builder)"),
        ),
        (["train", "segfast@openvino", "--dataset", "streets"], ("cannot train "
         "'segfast@openvino': training runs in eager PyTorch; leave out '@openvino'")),
        (["train", "segfast,init=he@eager:bf16,layout=nhwc"], ("cannot train "
         "'segfast,init=he@eager:bf16,layout=nhwc': training runs in eager PyTorch; leave out "
         "'@eager:bf16,layout=nhwc'")),
        (["reproduce", "segnet@openvino"], ("cannot train "
         "'segnet@openvino': training runs in eager PyTorch; leave out '@openvino'")),
        (["search", "--study", "spark@openvino"], ("cannot search 'spark@openvino': "
         "--runtime says what its networks run in; leave out '@openvino'")),
        (["profile", "mypkg.nets:"], ("'mypkg.nets:' is no import string; write "
         "package.module:builder, as in mypkg.nets:tiny")),
        (["profile", "segfast,stem_width"], ("cannot read model 'segfast,stem_width': option "
         "'stem_width' has no value; write stem_width=VALUE")),
        (["profile", "segfast", "--size", "224"], ("size '224' is not HEIGHTxWIDTH in pixels; "
         "write for example 360x480")),
        (["profile", "segfast", "--size", "0x8"], ("size '0x8' is not HEIGHTxWIDTH in pixels; "
         "write for example 360x480")),
        (["profile", "segfast", "--threads", "0"], ("threads must be a positive whole number, "
         "got 0")),
        (["profile", "segfast", "--batch", "-2"], "batch must be a positive whole number, got -2"),
        (["profile", "segfast", "--input", "none.png"], ("cannot read picture 'none.png': no such "
         "file or directory")),
        (["profile", "segfast", "--output", "good.json"], ("'good.json' exists already; choose "
         "another name or add --force")),
        (["profile", "segfast", "--output", "none/a.json"], ("cannot write 'none/a.json': folder "
         "'none' does not exist")),
        (["profile", "segfast", "--output", "a.xyz"], ("no format belongs to the ending of "
         "'a.xyz'; add --format, or end it in .json, .csv, .md, .txt, .xml")),
        (["profile", "segfast", "--output", "a.json", "--output", "none/a.csv"], ("cannot write "
         "'none/a.csv': folder 'none' does not exist")),
        (["profile", "segfast", "--output", "a.json", "--output", "good.json"], ("'good.json' "
         "exists already; choose another name or add --force")),
        (["compare", "segfast", "--precision", "2"], ("precision '2' is no percentage above 0; "
         "write for example 2%")),
        (["compare", "segfast", "--precision", "0%"], ("precision '0%' is no percentage above 0; "
         "write for example 2%")),
        (["compare", "segfast", "--interval", "2"], ("interval '2' is no percentage above 0; "
         "write for example 2%")),
        (["compare", "segfast", "--precision", "half"], ("unknown precision 'half' (precisions: "
         "fp32, bf16, fp16, int8)")),
        (["compare", "segfast", "--max-time", "soon"], ("max-time 'soon' is no time above 0; "
         "write for example 90s or 5min")),
        (["compare", "segfast", "--max-time=-5s"], ("max-time '-5s' is no time above 0; "
         "write for example 90s or 5min")),
        (["compare", "segfast", "--repeats", "0"], ("repeats must be a positive whole number, "
         "got 0")),
        (["profile", "segfast,classes=3", "--classes", "4"], ("model 'segfast,classes=3' has 3 "
         "classes and --classes says 4; give only one of them")),
        (["compare"], "no model was named; name some, or give --all for the paper's five"),
        (["compare", "segnet", "segnet"], "model 'segnet' is named twice; name it once"),
        (["compare", "segnet", "--baseline", "segnett"], ("unknown model 'segnett'; did you mean "
         f"'segnet'? (models: {ZOO}, or package.module:builder)")),
        (["report", "none.json"], "cannot read result 'none.json': no such file or directory"),
        (["report", "cut.json"], ("cannot read result 'cut.json': not JSON (Expecting value, "
         "line 1 column 12)")),
        (["report", "damaged.json"], ("result 'damaged.json' is damaged at params: input should be "
         "a valid integer (1 such places)")),
        (["report", "other.json"], ("result 'other.json' is no result that this version reads: its "
         "schema is 'segbench/profile/9' (schemas: segbench/profile/1, segbench/comparison/1, "
         "segbench/check/1, segbench/baseline/1, segbench/data/1, segbench/evaluation/1, "
         "segbench/reproduction/1, segbench/search/1, segbench/retraining/1, "
         "segbench/compression/1)")),
        (["report", "good.json", "--output", "good.json"], ("'good.json' exists already; choose "
         "another name or add --force")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_wrong_input_is_answered_in_one_line(capsys, arguments, line):
    assert run(capsys, *arguments) == (2, "", f"segbench: {line}\n")


def test_an_unknown_runtime_is_refused_with_the_nearest(capsys):
    code, _, said = run(capsys, "profile", "segfast", "--runtime", "egger")
    assert code == 2
    assert said.startswith(
        "segbench: unknown runtime 'egger'; did you mean 'eager'? (runtimes: eager"
    )
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["profile"], "Missing argument 'MODEL'"),
        (["profile", "segfast", "--sise", "8x8"], "No such option: --sise"),
        (["profile", "segfast", "--threads", "two"], "Invalid value for '--threads'"),
        (["profile", "segfast", "--format", "xml"], "Invalid value for '--format'"),
        (["profile", "segfast", "--interval", "2%"], "No such option: --interval"),
        (["measure", "segfast"], "No such command 'measure'"),
        (["profile", "segfast", "segnet"], "Got unexpected extra argument"),
    ],
)
def test_what_the_parser_refuses_is_one_line_too(capsys, arguments, words):
    code, out, said = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said.startswith(f"segbench: {words}")
    assert said.endswith("; see --help\n")
    assert said.count("\n") == 1


def test_the_command_alone_shows_its_help_on_many_lines(capsys):
    _, out, said = run(capsys)
    lines = (out + said).splitlines()
    assert len(lines) > 5
    assert any("profile" in line and "compare" not in line for line in lines)


def test_an_existing_file_is_overwritten_with_force(capsys, folder):
    (folder / "old.md").write_text("old")
    code, _, _ = run(capsys, "report", "good.json", "--output", "old.md", "--force")
    assert code == 0
    assert (folder / "old.md").read_text() == render(make_profile(), "markdown")


@pytest.mark.parametrize(("ending", "form"), [("json", "json"), ("csv", "csv"), ("txt", "table")])
def test_the_ending_of_a_file_names_its_format(capsys, folder, ending, form):
    code, out, said = run(capsys, "report", "good.json", "--output", f"new.{ending}")
    assert code == 0
    assert (folder / f"new.{ending}").read_text() == render(make_profile(), form)
    assert out == render(make_profile(), "table")
    assert said == f"written to new.{ending}\n"


def test_one_result_goes_into_several_files_each_in_its_format(capsys, folder):
    outputs = ("--output", "new.json", "--output", "new.csv", "--output", "new.md")
    code, out, said = run(capsys, "report", "good.json", *outputs)
    assert code == 0
    assert out == render(make_profile(), "table")
    assert said == "written to new.json, new.csv, new.md\n"
    for ending, form in (("json", "json"), ("csv", "csv"), ("md", "markdown")):
        assert (folder / f"new.{ending}").read_text() == render(make_profile(), form)


def test_a_named_format_is_that_of_all_files(capsys, folder):
    run(capsys, "report", "good.json", "--output", "a.csv", "--output", "b.md", "--format", "json")
    assert (folder / "a.csv").read_text() == (folder / "b.md").read_text()
    assert (folder / "b.md").read_text() == render(make_profile(), "json")


def test_no_file_is_written_where_one_format_cannot_hold_the_result(capsys, folder):
    before = sorted(folder.iterdir())
    arguments = ("report", "good.json", "--output", "new.json", "--output", "new.xml")
    assert run(capsys, *arguments) == (2, "", f"segbench: {no_junit('profile')}\n")
    assert sorted(folder.iterdir()) == before


def no_junit(kind):
    return (
        f"a {kind} cannot be drawn as junit, which is for what a check found; choose table, json, "
        "csv or markdown"
    )


@pytest.mark.parametrize(
    "wanted",
    [
        ["--format", "junit"],
        ["--output", "new.xml"],
        ["--output", "new.json", "--output", "new.xml"],
        ["--output", "new.json", "--format", "junit"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(("command", "kind"), [("profile", "profile"), ("compare", "comparison")])
def test_a_format_without_a_place_for_the_result_is_refused_before_anything_is_measured(
    capsys, monkeypatch, folder, command, kind, wanted
):
    def measured(*_arguments, **_options):
        pytest.fail("it was measured first")

    monkeypatch.setattr(f"segbench.measurement.profile.{command}", measured)
    before = sorted(folder.iterdir())
    said = run(capsys, command, "segfast", *wanted)
    assert said == (2, "", f"segbench: {no_junit(kind)}\n")
    assert sorted(folder.iterdir()) == before


def test_the_file_of_a_check_may_be_junit(tmp_path):
    target = Target(None, [tmp_path / "new.xml"], force=False, kind=Check)
    target.write(make_check())
    assert (tmp_path / "new.xml").read_text() == render(make_check(), "junit")


def test_a_named_format_goes_before_the_ending(capsys, folder):
    run(capsys, "report", "good.json", "--output", "new.txt", "--format", "csv")
    assert (folder / "new.txt").read_text() == render(make_profile(), "csv")


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_a_saved_result_is_drawn_again(capsys, form):
    assert run(capsys, "report", "good.json", "--format", form) == (
        0,
        render(make_profile(), form),
        "",
    )


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_traceback_is_shown_with_debug_in_any_place_and_not_without(place):
    def said(arguments):
        done = subprocess.run(
            [sys.executable, "-m", "segbench", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stdout == ""
        return done.stderr

    plain = ["report", "cut.json"]
    assert "Traceback" not in said(plain)
    with_debug = said([*plain[:place], "--debug", *plain[place:]])
    assert with_debug.startswith("segbench: cannot read result 'cut.json': not JSON")
    assert "Traceback (most recent call last)" in with_debug
    assert "UsageError: cannot read result 'cut.json'" in with_debug


def test_a_reader_that_stops_early_is_no_error():
    listed = subprocess.run(  # noqa: S602 - the pipe of a shell is what is tested
        f"{sys.executable} -m segbench report good.json --format json | head -c 10; "
        "exit ${PIPESTATUS[0]}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0
    assert listed.stderr == ""
    assert len(listed.stdout) == 10
