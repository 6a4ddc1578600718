"""Tables for a terminal, as wide as it is and no wider than 80 columns need."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

from rich import box
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
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,  # what a file says is text, whatever it looks like
        emoji=False,
    )
    name, *rest = report.headings
    console.print(Text(name, style=f"bold {STYLES[report.tone]}"))
    for line in rest:
        console.print(Text(line, style="dim"))
    for table in report.tables:
        fitting, left_out = _fit(table, width)
        console.print()
        console.print(_draw(fitting, width))
        caption = table.caption
        if left_out:
            caption += (
                f" Not shown in {width} columns: {', '.join(left_out)}; --format csv has all."
            )
        if caption:
            console.print(Padding(Text(caption.lstrip(), style="dim"), (0, 1)))
    if report.remarks:
        console.print()
    for remark in report.remarks:
        console.print(Text(f"! {remark}", style="yellow"))
    return "\n".join(line.rstrip() for line in sheet.getvalue().splitlines()) + "\n"


def _fit(table: Table, width: int) -> tuple[Table, list[str]]:
    """Return the table without spare columns that leave its names no room, and their names."""
    left_out: list[str] = []
    for column in table.spare:
        figures = _least_widths(table, width)[1:]
        longest = max((len(row[0]) for row in table.rows), default=0)
        if longest + sum(figures) + GAP * len(figures) <= width:
            break
        table = table.without(column)
        left_out.append(column)
    return table, left_out


def _draw(table: Table, width: int) -> RichTable:
    drawn = RichTable(
        title=table.title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="cyan",
    )
    least = _least_widths(table, width)
    for position, column in enumerate(table.columns):
        if position == 0:
            drawn.add_column(column, justify="left", overflow="fold", ratio=1)
        else:
            side: Literal["left", "right"] = "left" if position < table.names else "right"
            drawn.add_column(column, justify=side, min_width=least[position])
    for *cells, last in table.rows:
        drawn.add_row(*map(Text, cells), Text(last, style=STYLES[table.tones.get(last)]))
    return drawn


def _least_widths(table: Table, width: int) -> list[int]:
    """Return what each column needs for figures to stay whole; headings and names may be broken.

    Where the figures alone would be too wide, they are broken between their words.
    """
    words = [_longest_words(column) for column in zip(table.columns, *table.rows, strict=True)]
    cells = list(zip(*table.rows, strict=True)) or [()] * len(words)
    whole = [max(least, *map(len, column), 0) for least, column in zip(words, cells, strict=True)]
    fits = sum(whole[1:]) + len(whole) + NARROWEST_NAME <= width
    return whole if fits else words


def _longest_words(column: tuple[str, ...]) -> int:
    return max((len(word) for cell in column for word in cell.split()), default=0)
