"""Tables for a terminal, as wide as it is and no wider than 80 columns need."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from segbench.results.report.kinds import make_report

if TYPE_CHECKING:
    from segbench.results.report.contents import Table, Tone
    from segbench.results.store import Result

GAP = 2  # columns between those of a table
NARROWEST_NAME = 12  # columns that the names of models or layers get at least
STYLES: dict[Tone | None, str] = {"good": "green", "bad": "red", "unclear": "yellow", None: ""}


def render(result: Result, *, width: int, color: bool) -> str:
    """Draw headings, tables and remarks for a terminal of this width in columns."""
    report = make_report(result)
    sheet = io.StringIO()
    console = Console(
        file=sheet,
        width=width + 1,  # a table has a blank behind its last column, which is cut off below
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,  # what a file says is text, whatever it looks like
        emoji=False,
    )
    write = functools.partial(console.print, width=width)
    name, *rest = report.headings
    write(Text(name, style=f"bold {STYLES[report.tone]}"))
    for line in rest:
        write(Text(line, style="dim"))
    for table in report.tables:
        fitting, left_out = _fit(table, width)
        write()
        write(Text(table.title, style="bold"))
        console.print(_draw(fitting, width))
        caption = table.caption
        if left_out:
            caption += (
                f" Not shown in {width} columns: {', '.join(left_out)}; --format csv has all."
            )
        if caption:
            write(Padding(Text(caption.lstrip(), style="dim"), (0, 1)))
    if report.remarks:
        write()
    for remark in report.remarks:
        write(Text(f"! {remark}", style="yellow"))
    return "\n".join(line.rstrip() for line in sheet.getvalue().splitlines()) + "\n"


def _fit(table: Table, width: int) -> tuple[Table, list[str]]:
    """Return the table without spare columns that leave the others no room, and their names."""
    left_out: list[str] = []
    for column in table.spare:
        longest = max((cell_len(row[0]) for row in table.rows), default=0)
        _, *figures = next(_least_widths(_columns_of(table)))
        if longest + sum(figures) <= _room(table, width):
            break
        table = table.without(column)
        left_out.append(column)
    return table, left_out


def _draw(table: Table, width: int) -> RichTable:
    drawn = RichTable(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="cyan",
    )
    widths = _widths(table, width)
    for position, (column, columns) in enumerate(zip(table.columns, widths, strict=True)):
        side: Literal["left", "right"] = "left" if position < table.names else "right"
        drawn.add_column(column, justify=side, width=columns, overflow="fold")
    for *cells, last in table.rows:
        drawn.add_row(*map(Text, cells), Text(last, style=STYLES[table.tones.get(last)]))
    return drawn


def _widths(table: Table, width: int) -> list[int]:
    """Return each column's width, so that all of a table is within the terminal's."""
    columns = _columns_of(table)
    room = _room(table, width)
    widths = [max(map(cell_len, column)) for column in columns]
    narrowest = [1] * len(widths)
    least = next((each for each in _least_widths(columns) if sum(each) <= room), narrowest)
    while sum(widths) > room and widths != least:
        loose = [place for place, each in enumerate(widths) if each > least[place]]
        widths[max(loose, key=widths.__getitem__)] -= 1
    return widths


def _columns_of(table: Table) -> list[tuple[str, ...]]:
    return list(zip(table.columns, *table.rows, strict=True))


def _room(table: Table, width: int) -> int:
    """Return how wide all columns may be together."""
    return width - GAP * (len(table.columns) - 1)


def _least_widths(columns: Sequence[Sequence[str]]) -> Iterator[list[int]]:
    """Give what columns can do with, where less and less of them stays whole.

    The first column's names may always be broken, and headings between words. So may figures
    where they would be too wide, and in the end words.
    """
    first, *words = map(_longest_word, columns)
    first = min(first, NARROWEST_NAME)
    cells = [max(map(cell_len, column[1:]), default=0) for column in columns[1:]]
    yield [first, *map(max, words, cells)]
    for most in (max(words, default=0), *range(NARROWEST_NAME, 0, -1)):
        yield [min(each, most) for each in (first, *words)]


def _longest_word(column: Sequence[str]) -> int:
    return max((cell_len(word) for cell in column for word in cell.split()), default=1)
