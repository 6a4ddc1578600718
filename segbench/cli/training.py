"""Train with progress on a terminal: loss, mIoU, images a second and the time that is left."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from segbench.cli.output import progress_bar
from segbench.training.history import Epoch, Speed
from segbench.training.job import Job
from segbench.training.running import train

BETWEEN_S = 0.2  # two drawings of the bar


def train_with_progress(job: Job, folder: Path, *, resume: bool) -> bool:
    """Train, and print a line for each epoch; tell whether it ran to its end."""
    epochs = job.plan.epochs
    quality = ""
    drawn_s = 0.0

    def say(epoch: Epoch, speed: Speed) -> None:
        nonlocal quality
        quality = f", mIoU {epoch.miou:.3f}"
        left_s = (epochs - epoch.epoch) * (speed.train_s + speed.validation_s)
        print(
            f"epoch {epoch.epoch} of {epochs}: loss {epoch.loss:.4f}, validation "
            f"{epoch.val_loss:.4f}, mIoU {epoch.miou:.4f}, pixel accuracy "
            f"{epoch.pixel_accuracy:.4f}, {speed.images_per_s:.1f} images/s, "
            f"{left_s / 60:.0f} min left at most",
            file=sys.stderr,
            flush=True,
        )

    try:
        with progress_bar() as bar:

            def show(number: int, done: int, count: int, loss: float) -> None:
                nonlocal drawn_s
                if time.monotonic() - drawn_s >= BETWEEN_S or done == count:
                    doing = f"epoch {number} of {epochs}: loss {loss:.3f}{quality}"
                    bar(doing, (number - 1) * count + done, epochs * count)
                    drawn_s = time.monotonic()

            train(job, folder, resume=resume, on_decode=bar, on_batch=show, on_epoch=say)
    except KeyboardInterrupt:
        print(
            f"segbench: interrupted; every whole epoch is in {folder}, go on with --resume",
            file=sys.stderr,
        )
        return False
    print(f"trained: {folder} (evaluate it with: segbench evaluate {folder})")
    return True
