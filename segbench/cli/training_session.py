"""Training session on a terminal: loss, mIoU, images a second and remaining time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from segbench.cli.output import progress_bar
from segbench.training.config import Job
from segbench.training.history import Epoch, Speed
from segbench.training.reproduce import reproduce
from segbench.training.run import train
from zoo.allowed import needs_allowing

if TYPE_CHECKING:
    from segbench.results.reproduction import Reproduction
    from segbench.training.run_folder import RunFolder

Bar = Callable[[str, int, int], None]
Result = TypeVar("Result")
REDRAW_S = 0.2  # between two drawings of the bar


class TrainingProgress:
    """Progress of training runs: a line for each epoch, and a bar for the current one."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._epochs = 1
        self._quality = ""
        self._drawn_s = 0.0

    def begin(self, job: Job, folder: Path | None = None) -> None:
        """Begin another run; print its name if there are several."""
        self._epochs, self._quality = job.effective_recipe.epochs, ""
        if folder is not None:
            print(f"{job.model}, seed {job.seed}, in {folder}", file=sys.stderr, flush=True)

    def decode(self, doing: str, done: int, count: int) -> None:
        """Draw the bar: a dataset is decoded."""
        self._bar(doing, done, count)

    def batch(self, number: int, done: int, count: int, loss: float) -> None:
        """Draw the bar: a batch is done."""
        if time.monotonic() - self._drawn_s >= REDRAW_S or done == count:
            doing = f"epoch {number} of {self._epochs}: loss {loss:.3f}{self._quality}"
            self._bar(doing, (number - 1) * count + done, self._epochs * count)
            self._drawn_s = time.monotonic()

    def epoch(self, epoch: Epoch, speed: Speed) -> None:
        """Print the figures of an epoch and the remaining time."""
        self._quality = f", mIoU {epoch.miou:.3f}"
        left_s = (self._epochs - epoch.epoch) * (speed.train_s + speed.validation_s)
        validation = "-" if epoch.val_loss is None else f"{epoch.val_loss:.4f}"
        print(
            f"epoch {epoch.epoch} of {self._epochs}: loss {epoch.loss:.4f}, validation "
            f"{validation}, mIoU {epoch.miou:.4f}, pixel accuracy "
            f"{epoch.pixel_accuracy:.4f}, {speed.images_per_s:.1f} images/s, "
            f"{left_s / 60:.0f} min left at most",
            file=sys.stderr,
            flush=True,
        )


def train_with_progress(job: Job, folder: Path, *, resume: bool) -> bool:
    """Train; return False if it was interrupted."""

    def work(observer: TrainingProgress) -> RunFolder:
        observer.begin(job)
        return train(
            job,
            folder,
            resume=resume,
            on_decode=observer.decode,
            on_batch=observer.batch,
            on_epoch=observer.epoch,
            on_taken=lambda taken: print(taken, file=sys.stderr, flush=True),
        )

    if watched(work, f"every whole epoch is in {folder}, go on with --resume") is None:
        return False
    name = job.spec.name
    allow = f" --allow-import {name.partition(':')[0]}" if needs_allowing(name) else ""
    print(f"trained: {folder} (evaluate it with: segbench evaluate {folder}{allow})")
    return True


def reproduce_with_progress(
    models: list[str], job: Job, *, seeds: int, out: Path
) -> Reproduction | None:
    """Train the networks, and return the result; None if it was interrupted."""
    return watched(
        lambda observer: reproduce(models, job, seeds=seeds, out=out, observer=observer),
        f"every whole epoch is in {out}, the same command goes on",
    )


def watched(work: Callable[[TrainingProgress], Result], kept: str) -> Result | None:
    """Work with a progress bar; print what was kept and return None after an interrupt."""
    try:
        with progress_bar() as bar:
            return work(TrainingProgress(bar))
    except KeyboardInterrupt:
        print(f"segbench: interrupted; {kept}", file=sys.stderr)
        return None
