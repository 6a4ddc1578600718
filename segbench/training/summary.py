"""Summaries of training runs, read without their weights."""

from __future__ import annotations

import contextlib
import csv
import math
import statistics
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from segbench.errors import SegbenchWarning, UsageError
from segbench.files import fields_as
from segbench.training.history import Epoch, Speed, best_of
from segbench.training.run_folder import RunFolder
from zoo.files import FileError, read_text

Row = TypeVar("Row", Epoch, Speed)


@dataclass(frozen=True)
class RunSummary:
    """One run.

    Attributes:
        epochs: trained so far; most: maximum.
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
    """Return the runs below a folder, the highest mIoU first; warn of damaged ones."""
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
    job = RunFolder(path).read().job
    history = read_history(path / "history.csv")
    speeds = [speed.images_per_s for speed in read_speeds(path / "speed.csv")]
    return RunSummary(
        path=path,
        model=job.model,
        dataset=job.dataset,
        protocol=job.protocol,
        epochs=len(history),
        most=job.effective_recipe.epochs,
        best=best_of(history),
        images_per_s=statistics.median(speeds) if speeds else None,
    )


def read_history(path: Path) -> list[Epoch]:
    """Return the epochs of a run; none if there is no file yet.

    Raises:
        UsageError: the file is damaged.
    """
    return _read(Epoch, path)


def read_speeds(path: Path) -> list[Speed]:
    """Return the seconds of a run's epochs, likewise."""
    return _read(Speed, path)


def _read(kind: type[Row], path: Path) -> list[Row]:
    """Return the rows of a table as objects with a field for each column."""
    kinds = {field.name: int if field.name == "epoch" else float for field in fields(kind)}
    rows = _rows(path)
    for row in rows:
        for name in kinds:
            if name not in row:
                raise UsageError(f"table {str(path)!r} is damaged: it has no column {name!r}")
    table = [{name: _number(row[name]) for name in kinds} for row in rows]
    whole: type[tuple[Row, ...]] = tuple[kind, ...]  # type: ignore[valid-type]
    return list(fields_as(table, whole, source=f"table {str(path)!r}"))


def _number(text: str | None) -> float | int | str | None:
    """Return the number of a cell, None for an empty one; other text unchanged."""
    if not text:
        return None
    for read in (int, float):
        with contextlib.suppress(ValueError):
            value = read(text)
            return value if math.isfinite(value) else text
    return text


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    try:
        return list(csv.DictReader(read_text(path, what="table").splitlines()))
    except (FileError, csv.Error) as error:
        raise UsageError(f"cannot read table {str(path)!r}: {error}") from error
