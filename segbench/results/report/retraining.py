"""A search's front beside what its networks reached when they were trained in full."""

from __future__ import annotations

import statistics

from segbench import units
from segbench.results.report.contents import Report, Table
from segbench.results.retraining import Retrained, Retraining


def report_retraining(found: Retraining) -> Report:
    """Say what training the front gave."""
    count = len(found.rows)
    tau = "" if found.tau is None else f", Kendall's tau {found.tau:.2f}"
    what = (
        f"{count} network{'s' * (count != 1)} of search {found.study} on {found.dataset}, "
        f"trained in full{tau}"
    )
    how = (
        f"recipe {found.recipe}, at most {found.epochs} epochs (searched with "
        f"{found.searched_epochs}), {found.protocol}, {found.created}"
    )
    return Report(
        headings=(what, how),
        tables=(
            Table(
                "best epoch on validation",
                ("trial", "latency", "mIoU searched", "mIoU", "seeds"),
                tuple(map(_row, found.rows)),
                "mIoU: mean over the seeds ± standard deviation. tau is 1 where the search ranked "
                "the networks as full training does.",
            ),
        ),
        remarks=(),
    )


def _row(row: Retrained) -> tuple[str, ...]:
    spread = f" ±{statistics.stdev(row.miou):.4f}" if row.miou[1:] else ""
    return (
        str(row.trial),
        units.seconds(row.latency_s),
        f"{row.searched_miou:.4f}",
        f"{row.mean:.4f}{spread}",
        str(len(row.miou)),
    )
