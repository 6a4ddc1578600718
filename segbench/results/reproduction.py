"""Result of training the paper's networks, seed by seed, beside what the paper prints."""

from __future__ import annotations

from dataclasses import dataclass

from segbench.errors import UsageError
from segbench.quantities import Number, Seconds, Share
from segbench.results.evaluation import Protocol

REPRODUCTION_SCHEMA = "segbench/reproduction/1"


@dataclass(frozen=True)
class Reproduced:
    """One network, trained with several seeds; every list is in the order of the seeds.

    Attributes:
        pixel_accuracy: of the best epoch on validation, as a share; so is `miou`.
        best_epochs: which epoch that was.
        epochs: that were trained in all.
        train_s: seconds that they took, validation included.
        paper: pixel accuracy as a share, and mIoU; None where the paper has none.
    """

    model: str
    seeds: tuple[int, ...]
    pixel_accuracy: tuple[Share, ...]
    miou: tuple[Share, ...]
    best_epochs: tuple[Number, ...]
    epochs: tuple[Number, ...]
    train_s: tuple[Seconds, ...]
    paper: tuple[Share, Share] | None

    def __post_init__(self) -> None:
        lists = (self.pixel_accuracy, self.miou, self.best_epochs, self.epochs, self.train_s)
        if not self.seeds or any(len(each) != len(self.seeds) for each in lists):
            raise UsageError(f"network {self.model!r} has not a figure for each of its seeds")


@dataclass(frozen=True)
class Reproduction:
    """Networks trained alike.

    Attributes:
        most_epochs: that a run may have.
        machine: what trained them.
    """

    dataset: str
    protocol: Protocol
    recipe: str
    size: tuple[Number, Number]
    most_epochs: Number
    rows: tuple[Reproduced, ...]
    machine: str
    complete: bool = True
    created: str = ""
    schema: str = REPRODUCTION_SCHEMA
