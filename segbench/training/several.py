"""Train one network after another, and go on with what was begun."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from segbench.training.history import Epoch, Speed
from segbench.training.job import Job
from segbench.training.run_folder import RunFolder
from segbench.training.running import train


class Watch(Protocol):
    """Who is told how it goes; all but `begin` is as in :func:`segbench.training.running.train`."""

    def begin(self, job: Job, folder: Path) -> None:
        """Another run begins, or is gone on with."""

    def decode(self, doing: str, done: int, count: int) -> None:
        """Scenes are decoded."""

    def batch(self, number: int, done: int, count: int, loss: float) -> None:
        """A batch of an epoch is done."""

    def epoch(self, epoch: Epoch, speed: Speed) -> None:
        """An epoch is done, and kept."""


def train_several(jobs: Mapping[Path, Job], watch: Watch) -> None:
    """Train by each job in its folder, where that was not done yet.

    Raises:
        UsageError: a run that is there is of another job.
        DataError: the dataset cannot be read.
        MeasurementError: a loss is no number any more.
    """
    for folder, job in jobs.items():
        watch.begin(job, folder)
        train(
            job,
            folder,
            resume=RunFolder(folder).is_begun,
            on_decode=watch.decode,
            on_batch=watch.batch,
            on_epoch=watch.epoch,
        )
