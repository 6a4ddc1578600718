"""History of a run: the figures of each epoch."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass

from segbench.quantities import Number, Seconds, Share, Times
from segbench.training.recipes import Recipe


@dataclass(frozen=True)
class Epoch:
    """Figures of one epoch, none of which depends on the speed of the machine.

    Attributes:
        rate: learning rate of its first step.
        loss: mean over the training batches, with the recipe's class weights and with the losses
            of auxiliary heads.
        val_loss: mean over the labelled pixels of validation; None where none is labelled.
    """

    epoch: Number
    rate: float
    loss: float
    val_loss: float | None
    pixel_accuracy: Share
    miou: Share


@dataclass(frozen=True)
class Speed:
    """Seconds of one epoch: training and validation."""

    epoch: Number
    train_s: Seconds
    validation_s: Seconds
    images_per_s: Times


def best_of(history: Sequence[Epoch]) -> Epoch | None:
    """Return the first epoch with the highest validation mIoU.

    >>> best_of([Epoch(1, 1e-3, 1.0, 1.0, 0.5, 0.2), Epoch(2, 1e-3, 0.9, 1.1, 0.5, 0.2)]).epoch
    1
    """
    return max(history, key=lambda epoch: epoch.miou, default=None)


def is_finished(history: Sequence[Epoch], recipe: Recipe) -> bool:
    """Tell whether all epochs are done, or the recipe's patience is exhausted.

    >>> from segbench.training.recipes import find_recipe
    >>> is_finished([Epoch(1, 1e-3, 1.0, 1.0, 0.5, 0.2)], find_recipe("paper"))
    False
    """
    best = best_of(history)
    waited = len(history) - best.epoch if best else 0
    waits = recipe.patience is None or waited < recipe.patience
    return len(history) >= recipe.epochs or not waits


def to_csv(rows: Sequence[Epoch] | Sequence[Speed], kind: type[Epoch | Speed]) -> str:
    """Return rows as CSV with every digit, so that equal texts mean equal numbers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [field.name for field in dataclasses.fields(kind)]
    writer.writerow(names)
    for row in rows:
        values = (getattr(row, name) for name in names)
        writer.writerow(["" if value is None else repr(value) for value in values])
    return text.getvalue()
