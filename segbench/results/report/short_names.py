"""Short names for networks whose specification would fill a table, such as those of a search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from segbench.results.report.contents import Report
from zoo.values import split_at_last_outside_quotes

LONGEST = 40  # letters of a specification that a table has room for


def with_short_names(report: Report, labels: Sequence[str]) -> Report:
    """Return the report with a short name for each long label, and what it stands for below.

    >>> long = "segfast," + ",".join(f"option_{at}=1" for at in range(9))
    >>> short = with_short_names(Report((f"{long} is fast",), (), ()), ["segnet", long])
    >>> short.headings
    ('segfast[1] is fast',)
    >>> short.remarks == (f"segfast[1] is {long}",)
    True
    """
    long = [label for label in labels if len(label) > LONGEST]
    if not long:
        return report
    short = {label: _short(label, at) for at, label in enumerate(long, 1)}
    # The longest first, for one may begin another.
    pattern = re.compile("|".join(map(re.escape, sorted(long, key=len, reverse=True))))

    def shorten(text: str) -> str:
        return pattern.sub(lambda found: short[found.group()], text)

    tables = tuple(
        replace(
            table,
            title=shorten(table.title),
            rows=tuple(tuple(map(shorten, row)) for row in table.rows),
            caption=shorten(table.caption),
        )
        for table in report.tables
    )
    return replace(
        report,
        headings=tuple(map(shorten, report.headings)),
        tables=tables,
        remarks=(
            *map(shorten, report.remarks),
            *(f"{name} is {label}" for label, name in short.items()),
        ),
    )


def _short(label: str, number: int) -> str:
    """Return a network's name with its number, and its runtime where it names one.

    >>> _short("segfast,stem_width=48,squeeze=8:8@openvino:bf16", 2)
    'segfast[2]@openvino:bf16'
    """
    model, at, runtime = split_at_last_outside_quotes(label, "@")
    name = model.partition(",")[0]
    return f"{name}[{number}]@{runtime}" if at else f"{name}[{number}]"
