"""What training the paper's networks gave, seed by seed, beside what the paper prints."""

from __future__ import annotations

from dataclasses import dataclass

from segbench.confusion import Protocol

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
    pixel_accuracy: tuple[float, ...]
    miou: tuple[float, ...]
    best_epochs: tuple[int, ...]
    epochs: tuple[int, ...]
    train_s: tuple[float, ...]
    paper: tuple[float, float] | None


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
    size: tuple[int, int]
    most_epochs: int
    rows: tuple[Reproduced, ...]
    machine: str
    complete: bool = True
    created: str = ""
    schema: str = REPRODUCTION_SCHEMA
