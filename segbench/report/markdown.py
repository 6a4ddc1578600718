"""Markdown: for a pull request, an issue, or a summary of a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.report.choosing import make_report

if TYPE_CHECKING:
    from segbench.report.contents import Table
    from segbench.store import Result


def render(result: Result) -> str:
    """Draw headings, tables and remarks as GitHub-flavoured Markdown."""
    report = make_report(result)
    name, *rest = report.headings
    parts = [f"## {name}", *rest]
    for table in report.tables:
        parts += [f"### {table.title}", _draw(table)]
        if table.caption:
            parts.append(table.caption)
    if report.remarks:
        parts.append("\n".join(f"- **Note:** {remark}" for remark in report.remarks))
    return "\n\n".join(parts) + "\n"


def _draw(table: Table) -> str:
    lines = [
        _line(table.columns),
        _line((":--", *("--:" for _ in table.columns[1:]))),
        *map(_line, table.rows),
    ]
    return "\n".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
