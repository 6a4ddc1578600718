"""What happened in each epoch, and which was the best."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One epoch; nothing in it depends on how fast the machine was.

    Attributes:
        rate: the learning rate of its first step.
        loss: mean over the batches of training, as the recipe weighs classes.
        val_loss: mean over the labelled pixels of validation.
    """

    epoch: int
    rate: float
    loss: float
    val_loss: float
    pixel_accuracy: float
    miou: float


@dataclass(frozen=True)
class Speed:
    """How long an epoch took: training, and validation."""

    epoch: int
    train_s: float
    validation_s: float
    images_per_s: float


def best_of(history: Sequence[Epoch]) -> Epoch | None:
    """Return the first epoch with the highest validation mIoU.

    >>> best_of([Epoch(1, 1e-3, 1.0, 1.0, 0.5, 0.2), Epoch(2, 1e-3, 0.9, 1.1, 0.5, 0.2)]).epoch
    1
    """
    return max(history, key=lambda epoch: epoch.miou, default=None)


def to_csv(rows: Sequence[Epoch] | Sequence[Speed], kind: type[Epoch | Speed]) -> str:
    """Write rows with every digit, so that equal texts mean equal numbers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [field.name for field in dataclasses.fields(kind)]
    writer.writerow(names)
    writer.writerows([repr(getattr(row, name)) for name in names] for row in rows)
    return text.getvalue()
