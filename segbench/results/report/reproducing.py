"""The paper's quality beside ours: a row for each network, with the spread over its seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from segbench.results.evaluation import PROTOCOLS
from segbench.results.report.contents import Report, Table
from segbench.results.reproduction import Reproduced, Reproduction


def report_reproduction(found: Reproduction) -> Report:
    """Say what training the paper's networks gave."""
    height, width = found.size
    count = len(found.rows)
    what = f"{count} network{'s' * (count != 1)} trained on {found.dataset}, recipe {found.recipe}"
    how = (
        f"{height}x{width}, at most {found.most_epochs} epochs, {found.protocol}, "
        f"{found.machine}, {found.created}"
    )
    return Report(
        headings=(what, how),
        tables=(
            Table(
                "best epoch on validation",
                ("model", "paper acc", "acc", "paper mIoU", "mIoU", "seeds", "epoch", "minutes"),
                tuple(map(_row, found.rows)),
                f"means over the seeds ± standard deviations; {found.protocol}: "
                f"{PROTOCOLS[found.protocol]}",
            ),
        ),
        remarks=(),
    )


def _row(row: Reproduced) -> tuple[str, ...]:
    accuracy, miou = row.paper or (None, None)
    return (
        row.model,
        "-" if accuracy is None else f"{100 * accuracy:.2f} %",
        f"{_mean([100 * each for each in row.pixel_accuracy], 2)} %",
        "-" if miou is None else f"{miou:.4f}",
        _mean(row.miou, 4),
        str(len(row.seeds)),
        _range(row.best_epochs),
        f"{statistics.mean(row.train_s) / 60:.0f}",
    )


def _mean(values: Sequence[float], digits: int) -> str:
    spread = f" ±{statistics.stdev(values):.{digits}f}" if values[1:] else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


def _range(epochs: Sequence[int]) -> str:
    low, high = min(epochs), max(epochs)
    return str(low) if low == high else f"{low}-{high}"
