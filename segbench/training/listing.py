"""What was trained: a line for each run below a folder, read without its weights."""

from __future__ import annotations

import csv
import statistics
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from segbench.errors import SegbenchWarning, UsageError
from segbench.training.history import Epoch, Speed, best_of
from segbench.training.job import Job
from segbench.training.run_folder import RunFolder

Row = TypeVar("Row", Epoch, Speed)


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
    """Return the runs below a folder, those with the highest mIoU first; warn of damaged ones."""
    found = []
    for path in sorted(folder.glob("**/run.json")):
        try:
            found.append(summarise(path.parent))
        except UsageError as error:
            warnings.warn(f"{error}; this run is left out", SegbenchWarning, stacklevel=2)
    return sorted(found, key=lambda run: run.best.miou if run.best else -1.0, reverse=True)


def summarise(path: Path) -> RunSummary:
    """Return the summary of one run.

    Raises:
        UsageError: its files cannot be read.
    """
    job = Job.from_json(RunFolder(path).read()["job"])
    history = read_history(path / "history.csv")
    speeds = [speed.images_per_s for speed in _read(Speed, path / "speed.csv")]
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
    return _read(Epoch, path)


def _read(kind: type[Row], path: Path) -> list[Row]:
    """Return the rows of a table as objects with a field for each column."""
    kinds = {field.name: int if field.name == "epoch" else float for field in fields(kind)}
    try:
        return [
            kind(**{name: number(row[name]) for name, number in kinds.items()})  # type: ignore[arg-type]
            for row in _rows(path)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"cannot read the table {str(path)!r}: {error!r}") from error


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except FileNotFoundError:
        return []
