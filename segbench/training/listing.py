"""What was trained: a line for each run below a folder, read without its weights."""

from __future__ import annotations

import csv
import statistics
from dataclasses import dataclass, fields
from pathlib import Path

from segbench.errors import UsageError
from segbench.training.history import Epoch, best_of
from segbench.training.job import Job
from segbench.training.run_folder import RunFolder


@dataclass(frozen=True)
class RunSummary:
    """One run.

    Attributes:
        epochs: that it has behind it; most: that it may have.
        best: None before the first epoch.
        images_per_s: of training, the median of its epochs.
    """

    path: Path
    model: str
    dataset: str
    protocol: str
    epochs: int
    most: int
    best: Epoch | None
    images_per_s: float | None


def find_runs(folder: Path) -> list[RunSummary]:
    """Return the runs below a folder, those with the highest mIoU first."""
    found = [summarise(path.parent) for path in sorted(folder.glob("**/run.json"))]
    return sorted(found, key=lambda run: run.best.miou if run.best else -1.0, reverse=True)


def summarise(path: Path) -> RunSummary:
    """Return the summary of one run.

    Raises:
        UsageError: its files cannot be read.
    """
    job = Job.from_json(RunFolder(path).read()["job"])
    history = read_history(path / "history.csv")
    speeds = [float(row["images_per_s"]) for row in _rows(path / "speed.csv")]
    return RunSummary(
        path=path,
        model=job.model,
        dataset=job.dataset,
        protocol=job.protocol,
        epochs=len(history),
        most=job.plan.epochs,
        best=best_of(history),
        images_per_s=statistics.median(speeds) if speeds else None,
    )


def read_history(path: Path) -> list[Epoch]:
    """Return the epochs of a run; none where the file does not exist yet.

    Raises:
        UsageError: the file is damaged.
    """
    kinds = {field.name: int if field.name == "epoch" else float for field in fields(Epoch)}
    try:
        return [
            Epoch(**{name: kind(row[name]) for name, kind in kinds.items()})  # type: ignore[arg-type]
            for row in _rows(path)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"cannot read the history {str(path)!r}: {error}") from error


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except FileNotFoundError:
        return []
