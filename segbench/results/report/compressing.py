"""A network beside what each step of its compression left."""

from __future__ import annotations

from segbench import units
from segbench.results.compression import Compression, Stage
from segbench.results.report.contents import Report, Table


def report_compression(found: Compression) -> Report:
    """Say what each step gave, and what it cost."""
    asked = ", ".join(f"{step} {what}".strip() for step, what in found.asked.items())
    height, width = found.size
    how = (
        f"{found.dataset}, {height}x{width}, {found.threads} threads, recipe {found.recipe}, at "
        f"most {found.epochs} epochs, {found.created}"
    )
    splits = sorted({split for stage in found.stages for split in stage.miou}, reverse=True)
    return Report(
        headings=(
            f"{found.run} compressed for {found.runtime}: {asked}",
            how,
        ),
        tables=(
            Table(
                "step by step",
                (
                    *("step", "params", "weights", "latency", "times before"),
                    *(f"mIoU {split}" for split in splits),
                ),
                tuple(_row(stage, splits, found) for stage in found.stages),
                f"mIoU by {found.protocol}, in {found.runtime}; in brackets the 95 % interval.",
            ),
        ),
        remarks=tuple(
            f"{stage.step} does not pay: {units.seconds(stage.latency_s)} is not less than before "
            "beyond doubt"
            for stage in found.stages
            if not stage.pays
        ),
    )


def _row(stage: Stage, splits: list[str], found: Compression) -> tuple[str, ...]:
    mious = (stage.miou.get(split, {}).get(found.protocol) for split in splits)
    return (
        stage.step or "as trained",
        f"{stage.params:,}",
        units.size(stage.size_bytes),
        units.seconds(stage.latency_s),
        _times(stage),
        *("-" if miou is None else f"{miou:.4f}" for miou in mious),
    )


def _times(stage: Stage) -> str:
    if stage.ratio is None:
        return "-"
    if stage.ci95 is None:
        return f"{stage.ratio:.3f}x"
    low, high = stage.ci95
    return f"{stage.ratio:.3f}x ({low:.3f}-{high:.3f})"
