"""A queue of trainings: one at a time, in order, each in a process whose death ends no other.

A run that is finished is skipped, one that was begun is gone on with, and one that fails is noted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from segbench.data.cache import load_split
from segbench.data.registry import open_dataset
from segbench.data.scenes import Dataset
from segbench.errors import SegbenchError, WriteError, one_line
from segbench.files import give_up, lock_folder
from segbench.measurement.settings import Settings
from segbench.measurement.workers.protocol import NO_NETWORK, Task
from segbench.measurement.workers.supervisor import Worker
from segbench.toml_files import errors_at
from segbench.training.config import Job
from segbench.training.curves import draw_curves
from segbench.training.history import is_finished
from segbench.training.queue_file import QueuedRun
from segbench.training.queue_folder import QueueFolder, RunState
from segbench.training.summary import read_history
from segbench.training.worker_replies import RunReply
from zoo.building import check_buildable
from zoo.errors import ZooError

SPLITS = ("train", "val")


class QueueObserver(Protocol):
    """Callbacks of a queue; the states are those of all its runs."""

    def begin(self, run: QueuedRun, states: Sequence[RunState]) -> None:
        """A run begins or is gone on with."""

    def decode(self, doing: str, done: int, count: int) -> None:
        """Scenes are decoded."""

    def epoch(self, run: QueuedRun, states: Sequence[RunState]) -> None:
        """An epoch is done, and kept."""

    def failed(self, run: QueuedRun, line: str) -> None:
        """A run has failed."""


def train_queue(
    runs: Sequence[QueuedRun], path: Path, observer: QueueObserver, *, cache: Path | None = None
) -> list[RunState]:
    """Train the runs of a queue, and return how far each is.

    Args:
        path: folder of the queue.
        cache: folder of decoded images, see :func:`segbench.data.cache.cache_root`.

    Raises:
        UsageError: another process works in the folder, it holds something else, or a run cannot
            be begun for a reason that is seen before the first hour of training.
        WriteError: the disk is full, or cannot be written.
    """
    folder = QueueFolder(path)
    check_queue(runs, folder)  # before the lock, which leaves its file
    lock = lock_folder(path)
    try:
        folder.check(runs)
        for run in runs:
            if not _is_finished(run, folder):
                _try(run, runs, folder, observer, cache)
        return folder.states(runs)
    finally:
        give_up(lock)


def check_queue(runs: Sequence[QueuedRun], folder: QueueFolder) -> None:
    """Refuse what can be seen to be wrong before the hours of the first training.

    Raises:
        UsageError: a folder holds something else than its run, a dataset cannot be opened, or a
            network cannot be built.
    """
    opened: dict[tuple[str, str | None], Dataset] = {}
    folder.check(runs)
    for run in runs:
        if _is_finished(run, folder):
            continue
        key = (run.job.dataset, run.job.data_root)
        with errors_at(run.place):
            if key not in opened:
                opened[key] = _open(run.job)
            check_buildable(run.job.spec_to_train(len(opened[key].classes)))


def _open(job: Job) -> Dataset:
    dataset = open_dataset(job.dataset, Path(job.data_root) if job.data_root else None)
    for split in SPLITS:
        dataset.split(split)  # which raises where it is empty
    return dataset


def _is_finished(run: QueuedRun, folder: QueueFolder) -> bool:
    history = read_history(folder.folder_of(run).path / "history.csv")
    return is_finished(history, run.job.effective_recipe)


def _try(
    run: QueuedRun,
    runs: Sequence[QueuedRun],
    folder: QueueFolder,
    observer: QueueObserver,
    cache: Path | None,
) -> None:
    """Train a run, or note why that failed."""
    folder.note(run, None)
    observer.begin(run, folder.states(runs))
    try:
        _train(run, runs, folder, observer, cache)
    except WriteError:  # no other run could be kept either
        raise
    except (SegbenchError, ZooError) as error:
        line = one_line(str(error))
        folder.note(run, line)
        observer.failed(run, line)
    finally:
        with contextlib.suppress(SegbenchError):  # the first error is the one to report
            _draw(run, folder)


def _train(
    run: QueuedRun,
    runs: Sequence[QueuedRun],
    folder: QueueFolder,
    observer: QueueObserver,
    cache: Path | None,
) -> None:
    dataset = _open(run.job)
    for split in SPLITS:  # here, where it is seen how far that is
        load_split(dataset, split, size=run.job.size, progress=observer.decode, root=cache)
    settings = Settings()
    with Worker(Task(NO_NETWORK, threads=settings.thread_count), "training") as worker:
        worker.receive()
        reply = worker.ask(
            "begin",
            job=run.job.to_json(),
            folder=str(folder.folder_of(run).path),
            cache=None if cache is None else str(cache),
        )
        while not cast("RunReply", reply)["done"]:
            reply = worker.ask("epoch")
            observer.epoch(run, folder.states(runs))


def _draw(run: QueuedRun, folder: QueueFolder) -> None:
    """Draw the curves of a run, if there is an epoch."""
    path = folder.folder_of(run).path
    history = read_history(path / "history.csv")
    if history:
        draw_curves(path / "curves.png", history, title=run.job.model)
