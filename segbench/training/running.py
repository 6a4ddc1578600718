"""Train a job in a folder: from the beginning, or from where it was when it was stopped."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.confusion import ConfusionMatrix
from segbench.data.cache import Progress, load_split
from segbench.data.registry import open_dataset
from segbench.data.scenes import Dataset
from segbench.environment import read_environment
from segbench.errors import UsageError
from segbench.folder_lock import lock_folder
from segbench.training.curves import draw_curves
from segbench.training.history import Epoch, Speed, best_of, to_csv
from segbench.training.job import Job
from segbench.training.loop import OnBatch, Trainer, ignore_batch
from segbench.training.run_folder import RunFolder, read_checkpoint, write_checkpoint

if TYPE_CHECKING:
    from filelock import BaseFileLock

OnEpoch = Callable[[Epoch, Speed], None]


@dataclass
class Running:
    """A run that is being trained; what each epoch gave is kept before the next begins."""

    job: Job
    folder: RunFolder
    trainer: Trainer
    dataset: Dataset
    lock: BaseFileLock | None

    @classmethod
    def begin(
        cls,
        job: Job,
        out: Path,
        *,
        resume: bool = False,
        cache: Path | None = None,
        on_decode: Progress = lambda _doing, _done, _total: None,
        on_batch: OnBatch = ignore_batch,
    ) -> Running:
        """Make the folder of a run, or go back to the last whole epoch of the one that is there.

        The arguments, and what is raised, are those of :func:`train`.
        """
        folder = RunFolder(out)
        if resume:
            _check_same(folder, job)
        dataset = open_dataset(job.dataset, Path(job.data_root) if job.data_root else None)
        training, validation = (
            load_split(dataset, split, size=job.size, progress=on_decode, root=cache)
            for split in ("train", "val")
        )
        trainer = Trainer(job, training, validation, len(dataset.classes), on_batch=on_batch)
        lock = None
        if trainer.is_first:
            lock = lock_folder(out) if resume else folder.create(_describe(job, trainer, dataset))
        if resume:
            _restore(folder, trainer)
        return cls(job, folder, trainer, dataset, lock)

    def advance(self) -> tuple[Epoch, Speed]:
        """Train for an epoch, and keep what it gave."""
        epoch = self.trainer.run_epoch()
        if self.trainer.is_first:
            _keep(self.folder, self.trainer, self.dataset)
        return epoch, self.trainer.speeds[-1]

    def close(self) -> None:
        """Let other processes into the folder."""
        if self.lock is not None:
            self.lock.release()

    def draw(self) -> None:
        """Draw the curves of all epochs, if there is one."""
        if self.trainer.history and self.trainer.is_first:
            curves = self.folder.path / "curves.png"
            draw_curves(curves, self.trainer.history, title=self.job.model)


def train(
    job: Job,
    out: Path,
    *,
    resume: bool = False,
    cache: Path | None = None,
    on_decode: Progress = lambda _doing, _done, _total: None,
    on_batch: OnBatch = ignore_batch,
    on_epoch: OnEpoch = lambda _epoch, _speed: None,
) -> RunFolder:
    """Train until the job is done; what each epoch gave is kept before the next begins.

    Args:
        out: the folder of the run.
        resume: go on with the run that is there.
        cache: where decoded images are kept, see :func:`segbench.data.cache.cache_root`.
        on_decode: called while images are decoded, the first time.
        on_batch: called after each batch, on_epoch after each epoch was kept.

    Raises:
        UsageError: the folder is there and `resume` is not given, or is that of another job.
        DataError: the dataset cannot be read.
        MeasurementError: the loss is no number any more.
    """
    running = Running.begin(
        job, out, resume=resume, cache=cache, on_decode=on_decode, on_batch=on_batch
    )
    try:
        while not running.trainer.is_done:
            on_epoch(*running.advance())
    finally:
        running.draw()
        running.close()
    return running.folder


def _restore(folder: RunFolder, trainer: Trainer) -> None:
    """Go back to the last whole epoch, if there was one."""
    if folder.last.exists():
        tensors, about = read_checkpoint(folder.last)
        trainer.restore(tensors, about)
        trainer.speeds = [Speed(**fields) for fields in about["speeds"]]
    if trainer.is_first:
        folder.clear()
        if trainer.history:
            _write_tables(folder, trainer)


def _check_same(folder: RunFolder, job: Job) -> None:
    """Refuse to go on with the run of another job, or by a recipe that has changed since."""
    begun = folder.read()
    found = Job.from_json(begun["job"]).differences(job)
    if found:
        raise UsageError(
            f"cannot go on with {str(folder.path)!r}: {'; '.join(found)}; give the options that it "
            "was begun with"
        )
    changes = job.plan.changes_since(begun["recipe"])
    if changes:
        raise UsageError(
            f"cannot go on with {str(folder.path)!r}: since it was begun, the recipe {job.recipe} "
            f"has changed: {'; '.join(changes)}; train anew into another folder"
        )


def _describe(job: Job, trainer: Trainer, dataset: Dataset) -> dict[str, Any]:
    return {
        "job": job.to_json(),
        "model": trainer.spec.to_json(),
        "recipe": job.plan.to_json(),
        "classes": [dataclasses.asdict(each) for each in dataset.classes],
        "layout": dataset.layout,
        "scenes": {"train": len(trainer.train.names), "val": len(trainer.validation.names)},
        "environment": dataclasses.asdict(read_environment()),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _keep(folder: RunFolder, trainer: Trainer, dataset: Dataset) -> None:
    """Write what the last epoch gave: the best before the state, which all else follows from."""
    best = best_of(trainer.history)
    if best is trainer.history[-1]:
        about = {
            "model": trainer.spec.to_json(),
            "classes": [dataclasses.asdict(each) for each in dataset.classes],
            "job": trainer.job.to_json(),
            "epoch": dataclasses.asdict(best),
        }
        write_checkpoint(folder.best, trainer.weights(), about)
        folder.write("confusion.csv", _confusion_csv(trainer.confusion, dataset))
    tensors, state = trainer.state()
    speeds = [dataclasses.asdict(speed) for speed in trainer.speeds]
    write_checkpoint(folder.last, tensors, {**state, "speeds": speeds})
    _write_tables(folder, trainer)


def _write_tables(folder: RunFolder, trainer: Trainer) -> None:
    folder.write("history.csv", to_csv(trainer.history, Epoch))
    folder.write("speed.csv", to_csv(trainer.speeds, Speed))


def _confusion_csv(confusion: ConfusionMatrix, dataset: Dataset) -> str:
    """Write a row for each class that is labelled, a column for each that is predicted."""
    names = [*(each.name for each in dataset.classes), "void"]
    rows = [",".join(["labelled", *names])]
    rows += [
        ",".join([name, *map(str, row)])
        for name, row in zip(names, confusion.counts.tolist(), strict=True)
    ]
    return "\n".join(rows) + "\n"
