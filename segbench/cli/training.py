"""Train with progress on a terminal: loss, mIoU, images a second and the time that is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from segbench.cli.output import progress_bar
from segbench.training.history import Epoch, Speed
from segbench.training.job import Job
from segbench.training.reproducing import reproduce
from segbench.training.running import train

if TYPE_CHECKING:
    from segbench.reproductions import Reproduction
    from segbench.training.run_folder import RunFolder

Bar = Callable[[str, int, int], None]
Result = TypeVar("Result")
BETWEEN_S = 0.2  # two drawings of the bar


class Shown:
    """What is shown of runs: a line for each epoch, and a bar while one goes on."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._epochs = 1
        self._quality = ""
        self._drawn_s = 0.0

    def begin(self, job: Job, folder: Path | None = None) -> None:
        """Begin with another run; name it if there are several."""
        self._epochs, self._quality = job.plan.epochs, ""
        if folder is not None:
            print(f"{job.model}, seed {job.seed}, in {folder}", file=sys.stderr, flush=True)

    def decode(self, doing: str, done: int, count: int) -> None:
        """Draw how far the decoding of a dataset is."""
        self._bar(doing, done, count)

    def batch(self, number: int, done: int, count: int, loss: float) -> None:
        """Draw the bar, now and then."""
        if time.monotonic() - self._drawn_s >= BETWEEN_S or done == count:
            doing = f"epoch {number} of {self._epochs}: loss {loss:.3f}{self._quality}"
            self._bar(doing, (number - 1) * count + done, self._epochs * count)
            self._drawn_s = time.monotonic()

    def epoch(self, epoch: Epoch, speed: Speed) -> None:
        """Print what an epoch gave, and how long the others may take."""
        self._quality = f", mIoU {epoch.miou:.3f}"
        left_s = (self._epochs - epoch.epoch) * (speed.train_s + speed.validation_s)
        print(
            f"epoch {epoch.epoch} of {self._epochs}: loss {epoch.loss:.4f}, validation "
            f"{epoch.val_loss:.4f}, mIoU {epoch.miou:.4f}, pixel accuracy "
            f"{epoch.pixel_accuracy:.4f}, {speed.images_per_s:.1f} images/s, "
            f"{left_s / 60:.0f} min left at most",
            file=sys.stderr,
            flush=True,
        )


def train_with_progress(job: Job, folder: Path, *, resume: bool) -> bool:
    """Train, and tell whether it ran to its end."""

    def work(shown: Shown) -> RunFolder:
        shown.begin(job)
        return train(
            job,
            folder,
            resume=resume,
            on_decode=shown.decode,
            on_batch=shown.batch,
            on_epoch=shown.epoch,
        )

    if watched(work, f"every whole epoch is in {folder}, go on with --resume") is None:
        return False
    print(f"trained: {folder} (evaluate it with: segbench evaluate {folder})")
    return True


def reproduce_with_progress(
    models: list[str], job: Job, *, seeds: int, out: Path
) -> Reproduction | None:
    """Train the networks, and return what that gave; None if it was interrupted."""
    return watched(
        lambda shown: reproduce(models, job, seeds=seeds, out=out, watch=shown),
        f"every whole epoch is in {out}, the same command goes on",
    )


def watched(work: Callable[[Shown], Result], kept: str) -> Result | None:
    """Do work with a bar; if it is interrupted, say what was kept and return None."""
    try:
        with progress_bar() as bar:
            return work(Shown(bar))
    except KeyboardInterrupt:
        print(f"segbench: interrupted; {kept}", file=sys.stderr)
        return None
