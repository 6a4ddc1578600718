"""Markdown: for a pull request, an issue, or a summary of a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.results.report.kinds import make_report

if TYPE_CHECKING:
    from segbench.results.report.contents import Table
    from segbench.results.store import Result


def render(result: Result) -> str:
    """Draw headings, tables and remarks as GitHub-flavoured Markdown."""
    report = make_report(result)
    name, *rest = report.headings
    parts = [f"## {name}", *rest]
    for table in report.tables:
        parts += [f"### {table.title}", draw_table(table)]
        if table.caption:
            parts.append(table.caption)
    if report.remarks:
        parts.append(draw_remarks(report.remarks))
    return "\n\n".join(parts) + "\n"


def draw_table(table: Table) -> str:
    """Draw a table's cells, without its title and caption."""
    figures = len(table.columns) - table.names
    lines = [
        _line(table.columns),
        _line((":--",) * table.names + ("--:",) * figures),
        *map(_line, table.rows),
    ]
    return "\n".join(lines)


def draw_remarks(remarks: tuple[str, ...]) -> str:
    """Draw remarks as a list."""
    return "\n".join(f"- **Note:** {remark}" for remark in remarks)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
