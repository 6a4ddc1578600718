"""Where the parts of a TOML text stand, whatever the way in which they are written."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.toml_lines import find_lines, nearest_line


def places_of(value, place=()):
    """Return the place of every key and element that the library read."""
    found = {place} - {()}
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for key, part in inner:
        found |= places_of(part, (*place, key))
    return found


DOCUMENT = '''\
# [[budget]] in a comment, "with a quote
title = "[[budget]] # no comment" # 'a comment
single = 'C:\\' # the backslash ends no quote
many = """
[[budget]]
limits = ["x"]
\\""" still inside""""
raw = \'\'\'
model = 'x'\'\'\'\'
when = 1979-05-27 07:32:00
pi = 3.14

  [ "odd table" . 'a.b' ]
  width.left = -1_0e+3

[[budget]]
model = "segfast"
limits = [ # ] the list goes on
  "params <= 1", 'params <= 1',

  # "params <= 2",
  "a ] b",
]
workload = { size = "8x8", "threads" = 2, more = [{ a = 1 }, { a.b = 2 }] }

[[ budget ]]   # the second
limits = []
[budget.workload]
size = "8x8"
[[budget.inner]]
[[budget.inner]]
key = true
[[budget]]
[budget.workload]
batch = 1
'''
LINES = {
    ("title",): 2,
    ("single",): 3,
    ("many",): 4,
    ("raw",): 8,
    ("when",): 10,
    ("pi",): 11,
    ("odd table",): 13,
    ("odd table", "a.b"): 13,
    ("odd table", "a.b", "width"): 14,
    ("odd table", "a.b", "width", "left"): 14,
    ("budget",): 16,
    ("budget", 0): 16,
    ("budget", 0, "model"): 17,
    ("budget", 0, "limits"): 18,
    ("budget", 0, "limits", 0): 19,
    ("budget", 0, "limits", 1): 19,
    ("budget", 0, "limits", 2): 22,
    ("budget", 0, "workload"): 24,
    ("budget", 0, "workload", "size"): 24,
    ("budget", 0, "workload", "threads"): 24,
    ("budget", 0, "workload", "more"): 24,
    ("budget", 0, "workload", "more", 0): 24,
    ("budget", 0, "workload", "more", 0, "a"): 24,
    ("budget", 0, "workload", "more", 1): 24,
    ("budget", 0, "workload", "more", 1, "a"): 24,
    ("budget", 0, "workload", "more", 1, "a", "b"): 24,
    ("budget", 1): 26,
    ("budget", 1, "limits"): 27,
    ("budget", 1, "workload"): 28,
    ("budget", 1, "workload", "size"): 29,
    ("budget", 1, "inner"): 30,
    ("budget", 1, "inner", 0): 30,
    ("budget", 1, "inner", 1): 31,
    ("budget", 1, "inner", 1, "key"): 32,
    ("budget", 2): 33,
    ("budget", 2, "workload"): 34,
    ("budget", 2, "workload", "batch"): 35,
}


def test_comments_quotes_and_nesting_do_not_mislead():
    assert set(LINES) == places_of(tomllib.loads(DOCUMENT))  # the table above forgets nothing
    assert find_lines(DOCUMENT) == LINES


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_both_kinds_of_line_ends_are_counted(end):
    assert find_lines(end.join(["", "a = 1", "b = [", "2]"])) == {
        ("a",): 2,
        ("b",): 3,
        ("b", 0): 4,
    }


def test_lists_within_lists_open_no_table():
    assert find_lines("a = [[1, 2],\n[\n[]]]\nb = 1") == {
        ("a",): 1,
        ("a", 0): 1,
        ("a", 0, 0): 1,
        ("a", 0, 1): 1,
        ("a", 1): 2,
        ("a", 1, 0): 3,
        ("b",): 4,
    }


def test_an_empty_text_has_no_parts():
    assert find_lines("") == find_lines("# nothing\n") == {}


SPACES = st.sampled_from(["", " ", "\t "])
GAPS = st.sampled_from(["", " ", "\n", " # ] \"'\n", "\n\n"])  # where lines may be broken
PLAIN = st.text('abc #[]{},.="', max_size=5)
STRINGS = st.one_of(
    PLAIN.map(lambda text: '"' + text.replace('"', '\\"') + '"'),
    PLAIN.map(lambda text: f"'{text}'"),
    PLAIN.map(lambda text: f"'''\n{text}\n'''"),
    PLAIN.map(lambda text: '"""\n' + text.replace('"', '\\"') + '\n"""'),
)
NUMBERS = st.sampled_from(["1", "-2.5e+3", "true", "2024-01-02 03:04:05.5Z", "inf"])


def lists_of(values):
    return st.builds(
        lambda items, gap, end: "[" + gap + f"{gap},{gap}".join(items) + end + "]",
        st.lists(values, max_size=3),
        GAPS,
        GAPS,
    )


def inline_tables_of(values):
    """Return tables, which may hold line breaks nowhere but in a string."""
    on_a_line = values.filter(lambda text: "\n" not in text or text.startswith(('"""', "'''")))
    return st.lists(on_a_line, max_size=3).map(
        lambda items: "{" + ", ".join(f"k{n} = {item}" for n, item in enumerate(items)) + "}"
    )


VALUES = st.recursive(
    STRINGS | NUMBERS, lambda inner: lists_of(inner) | inline_tables_of(inner), max_leaves=8
)


@given(st.lists(st.tuples(st.sampled_from(["", "[t{}]\n", "[[a]]\n"]), SPACES, VALUES), max_size=6))
def test_every_part_that_the_library_reads_has_a_line(pairs):
    text = "".join(
        f"{header.format(number)}{space}key{number}{space}={space}{value}\n"
        for number, (header, space, value) in enumerate(pairs)
    )
    lines = find_lines(text)
    assert set(lines) == places_of(tomllib.loads(text))
    for place, line in lines.items():
        if str(place[-1]).startswith("key"):
            assert place[-1] in text.split("\n")[line - 1]


def test_what_is_not_in_the_text_is_placed_at_what_is_around_it():
    lines = find_lines("[[budget]]\n[[budget]]\nlimits = []\n")
    assert nearest_line(lines, ("budget", 1, "limits", 7)) == 3
    assert nearest_line(lines, ("budget", 1, "model")) == 2
    assert nearest_line(lines, ("baseline",)) == 1
