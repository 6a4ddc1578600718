"""What an evaluation found: how well a network does on a split, by every protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from segbench.confusion import Protocol, Quality

EVALUATION_SCHEMA = "segbench/evaluation/1"


@dataclass(frozen=True)
class Evaluation:
    """A network on a split of a dataset.

    Attributes:
        model: its specification, as JSON has it.
        checkpoint: the file of its weights.
        size: height and width that images were resized to.
        protocol: the one that was asked for.
        classes: by id; void is not among them.
        confusion: pixels by labelled and by predicted class; void is the last of each.
        qualities: by protocol, all from this matrix.
    """

    model: dict[str, Any]
    checkpoint: str
    dataset: str
    split: str
    scenes: int
    size: tuple[int, int]
    protocol: Protocol
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    qualities: dict[Protocol, Quality]
    complete: bool = True
    created: str = ""
    schema: str = EVALUATION_SCHEMA
