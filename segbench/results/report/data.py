"""Report of a dataset: its splits, how often each class is seen, and what is wrong with it."""

from __future__ import annotations

from segbench import units
from segbench.results.dataset import DataFindings, SplitFindings
from segbench.results.report.contents import Report, Table

MOST_REMARKS = 12
MOST_SIZES = 3


def report_data(findings: DataFindings) -> Report:
    """Say what a check of a dataset found."""
    count = sum(split.scenes for split in findings.splits)
    problems = len(findings.problems)
    counts = ((problems, "problem"), (len(findings.remarks), "remark"))
    verdict = ", ".join(f"{each:,} {what}{'s' * (each != 1)}" for each, what in counts if each)
    return Report(
        headings=(
            f"{findings.dataset}: {count:,} scenes, {verdict or 'nothing wrong'}",
            f"{findings.layout}, {findings.created}",
        ),
        tables=(_split_table(findings), _class_table(findings)),
        remarks=(*_remarks(findings.problems), *_remarks(findings.remarks)),
        tone="bad" if problems else "good",
    )


def _split_table(findings: DataFindings) -> Table:
    rows = tuple(
        (
            split.split,
            f"{split.scenes:,}",
            f"{sum(split.sizes.values()):,}",
            _sizes(split),
            units.percent(_share(split.void_pixels, split)),
        )
        for split in findings.splits
    )
    return Table("splits", ("split", "scenes", "read", "sizes", "void"), rows)


def _sizes(split: SplitFindings) -> str:
    shown = list(split.sizes)[:MOST_SIZES]
    more = len(split.sizes) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "") if shown else "-"


def _class_table(findings: DataFindings) -> Table:
    names = list(findings.splits[0].pixels) if findings.splits else []
    rows = tuple(
        (
            str(number),
            name,
            *(units.percent(_share(split.pixels[name], split)) for split in findings.splits),
        )
        for number, name in enumerate(names)
    )
    columns = ("id", "class", *(split.split for split in findings.splits))
    return Table("share of all pixels", columns, rows, names=2)


def _share(pixels: int, split: SplitFindings) -> float | None:
    total = sum(split.pixels.values()) + split.void_pixels
    return pixels / total if total else None


def _remarks(problems: tuple[str, ...]) -> tuple[str, ...]:
    more = len(problems) - MOST_REMARKS
    rest = (f"and {more:,} more; --output FILE.json names them all",) if more > 0 else ()
    return (*problems[:MOST_REMARKS], *rest)
