"""Repeated training: several runs one after the other, resumed where they were begun."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from segbench.training.config import Job
from segbench.training.history import Epoch, Speed
from segbench.training.run import train
from segbench.training.run_folder import RunFolder


class TrainingObserver(Protocol):
    """Callbacks of several runs; all but `begin` are those of `segbench.training.run.train`."""

    def begin(self, job: Job, folder: Path) -> None:
        """Another run begins or is resumed."""

    def decode(self, doing: str, done: int, count: int) -> None:
        """Scenes are decoded."""

    def batch(self, number: int, done: int, count: int, loss: float) -> None:
        """A batch of an epoch is done."""

    def epoch(self, epoch: Epoch, speed: Speed) -> None:
        """An epoch is done, and kept."""


def train_several(jobs: Mapping[Path, Job], observer: TrainingObserver) -> None:
    """Train each job in its folder, unless it is done.

    Raises:
        UsageError: an existing run has another job.
        DataError: the dataset cannot be read.
        MeasurementError: a loss is not finite.
    """
    for folder, job in jobs.items():
        observer.begin(job, folder)
        train(
            job,
            folder,
            resume=RunFolder(folder).is_begun,
            on_decode=observer.decode,
            on_batch=observer.batch,
            on_epoch=observer.epoch,
        )
