"""Training run in a folder: begun, or resumed from its last whole epoch."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.data.cache import load_split
from segbench.data.labelled import check_labelled
from segbench.data.registry import open_dataset
from segbench.data.scenes import Dataset
from segbench.errors import WriteError
from segbench.files import lock_folder
from segbench.measurement.host.reading import read_environment
from segbench.progress import Progress, ignore_progress, timestamp
from segbench.training.config import Job
from segbench.training.confusion import ConfusionMatrix
from segbench.training.curves import draw_curves
from segbench.training.devices import is_helper
from segbench.training.history import Epoch, Speed, best_of, to_csv
from segbench.training.loop import OnBatch, Trainer, ignore_batch
from segbench.training.run_folder import (
    RunFolder,
    StateMetadata,
    read_checkpoint,
    write_checkpoint,
)
from segbench.training.starting_weights import Taken
from segbench.training.teachers import Teachers
from zoo.building import check_buildable

if TYPE_CHECKING:
    from filelock import BaseFileLock

OnEpoch = Callable[[Epoch, Speed], None]
OnTaken = Callable[[Taken], None]


@dataclass
class TrainingRun:
    """A training run; each epoch is saved before the next begins."""

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
        on_decode: Progress = ignore_progress,
        on_batch: OnBatch = ignore_batch,
    ) -> TrainingRun:
        """Create the folder of a run, or restore the last whole epoch of an existing one.

        Arguments and exceptions are those of :func:`train`.
        """
        folder = RunFolder(out)
        if resume:
            folder.check_job(job)
        elif not is_helper():
            folder.check_free()
        dataset = open_dataset(job.dataset, Path(job.data_root) if job.data_root else None)
        for split in ("train", "val"):
            if not dataset.splits.get(split):
                dataset.split(split)  # raises, before the other split is decoded
        check_buildable(job.spec_for(len(dataset.classes)))
        training, validation = (
            load_split(dataset, split, size=job.size, progress=on_decode, root=cache)
            for split in ("train", "val")
        )
        check_labelled(dataset, "val", validation.labels, is_learnt=False)
        check_labelled(dataset, "train", training.labels, is_learnt=True)
        teachers = _load_teachers(job, dataset)
        if resume and teachers is not None:
            folder.check_teachers(teachers.files)
        trainer = Trainer(
            job, training, validation, len(dataset.classes), on_batch=on_batch, teachers=teachers,
            begins=not (resume and os.path.lexists(folder.last)),
        )  # fmt: skip
        lock = None
        if trainer.is_first:
            lock = lock_folder(out) if resume else folder.create(_describe(job, trainer, dataset))
        if resume:
            _restore(folder, trainer)
        return cls(job, folder, trainer, dataset, lock)

    def advance(self) -> tuple[Epoch, Speed]:
        """Train for an epoch, and save it."""
        epoch = self.trainer.run_epoch()
        if self.trainer.is_first:
            _save_epoch(self.folder, self.trainer, self.dataset)
        return epoch, self.trainer.speeds[-1]

    def close(self) -> None:
        """Unlock the folder."""
        if self.lock is not None:
            self.lock.release()

    def draw(self) -> None:
        """Draw the curves, if there is an epoch."""
        if self.trainer.history and self.trainer.is_first:
            curves = self.folder.path / "curves.png"
            draw_curves(curves, self.trainer.history, title=self.job.model)


def train(
    job: Job,
    out: Path,
    *,
    resume: bool = False,
    cache: Path | None = None,
    on_decode: Progress = ignore_progress,
    on_batch: OnBatch = ignore_batch,
    on_epoch: OnEpoch = lambda _epoch, _speed: None,
    on_taken: OnTaken = lambda _taken: None,
) -> RunFolder:
    """Train until the job is done; each epoch is saved before the next begins.

    Args:
        out: folder of the run.
        resume: resume the run of the folder.
        cache: folder of decoded images, see :func:`segbench.data.cache.cache_root`.
        on_decode: called while images are decoded, the first time.
        on_batch: called after each batch.
        on_epoch: called after each epoch was saved.
        on_taken: called with what the network began with, where the job names weights.

    Raises:
        UsageError: the folder exists and `resume` is not given, or its run has another job.
        DataError: the dataset cannot be read.
        MeasurementError: the loss is not finite.
    """
    run = TrainingRun.begin(
        job, out, resume=resume, cache=cache, on_decode=on_decode, on_batch=on_batch
    )
    try:
        if run.trainer.taken is not None:
            on_taken(run.trainer.taken)
        while not run.trainer.is_done:
            on_epoch(*run.advance())
    except BaseException:
        with contextlib.suppress(WriteError):  # the first error is the one to report
            run.draw()
        raise
    else:
        run.draw()
    finally:
        run.close()
    return run.folder


def _load_teachers(job: Job, dataset: Dataset) -> Teachers | None:
    if not job.teachers:
        return None
    outputs = job.outputs_for(len(dataset.classes))
    return Teachers(job.teachers, classes=dataset.classes, outputs=outputs)


def _restore(folder: RunFolder, trainer: Trainer) -> None:
    """Restore the last whole epoch, if there was one."""
    if os.path.lexists(folder.last):
        tensors, about = read_checkpoint(folder.last, StateMetadata)
        trainer.restore(tensors, about.history)
        trainer.speeds = list(about.speeds)
    if trainer.is_first:
        folder.clear()
        if trainer.history:
            _write_tables(folder, trainer)


def _describe(job: Job, trainer: Trainer, dataset: Dataset) -> dict[str, Any]:
    return {
        "job": job.to_json(),
        "model": trainer.spec.to_json(),
        "recipe": job.effective_recipe.to_json(),
        "auxiliary_params": trainer.auxiliary_params,
        "start": None if trainer.taken is None else trainer.taken.to_json(),
        "teachers": [each.to_json() for each in trainer.teachers.files] if trainer.teachers else [],
        "classes": [dataclasses.asdict(each) for each in dataset.classes],
        "layout": dataset.layout,
        "scenes": {"train": len(trainer.train.names), "val": len(trainer.validation.names)},
        "environment": dataclasses.asdict(read_environment()),
        "created": timestamp(),
    }


def _save_epoch(folder: RunFolder, trainer: Trainer, dataset: Dataset) -> None:
    """Write the files of the last epoch: the best weights first, then the state."""
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
    """Return the matrix as CSV: a row for each labelled class, a column for each predicted."""
    names = [*(each.name for each in dataset.classes), "void"]
    rows = [",".join(["labelled", *names])]
    rows += [
        ",".join([name, *map(str, row)])
        for name, row in zip(names, confusion.counts.tolist(), strict=True)
    ]
    return "\n".join(rows) + "\n"
