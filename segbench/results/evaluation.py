"""Result of an evaluation: how well a network does on a split, by every protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from segbench.errors import UsageError
from segbench.quantities import Count, Number, Share
from segbench.results.candidate import Candidate
from segbench.results.profile import Parity

EVALUATION_SCHEMA = "segbench/evaluation/1"

Protocol = Literal["strict", "void-as-class", "add-one", "tp-nonzero"]
PROTOCOLS: Mapping[Protocol, str] = {
    "strict": "void pixels are ignored; a class that is neither labelled nor predicted is left out",
    "void-as-class": "void is a class like the others, as in the SegFast paper's tables",
    "add-one": "void is a class, and IoU is (1 + I) / (1 + U), as in the paper's released code",
    "tp-nonzero": "void pixels are ignored; a class without a true positive is left out",
}


@dataclass(frozen=True)
class Quality:
    """How well pixels were classified.

    Attributes:
        pixel_accuracy: share of the pixels whose class was found; None without pixels.
        miou: mean intersection over union of the classes that count; None without any.
        iou: by class id, void last where it is one; None for a class that is left out.
        left_out: how many classes are.
        pixels: how many were judged.
    """

    protocol: Protocol
    pixel_accuracy: Share | None
    miou: Share | None
    iou: tuple[Share | None, ...]
    left_out: Count
    pixels: Count


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
        candidate: the weights and the runtime as they were asked for; None in results of before
            there were runtimes but eager.
        runtime_version: of the engine; None for eager.
        dtype: what the engine says that it computes with; None for eager in single precision.
        eager: figures of eager in single precision on the same scenes, by protocol; None where
            that is what was evaluated. `parity` likewise, of all scenes.
    """

    model: dict[str, Any]
    checkpoint: str
    dataset: str
    split: str
    scenes: Count
    size: tuple[Number, Number]
    protocol: Protocol
    classes: tuple[str, ...]
    confusion: tuple[tuple[Count, ...], ...]
    qualities: dict[Protocol, Quality]
    candidate: Candidate | None = None
    runtime_version: str | None = None
    dtype: str | None = None
    eager: dict[Protocol, Quality] | None = None
    parity: Parity | None = None
    complete: bool = True
    created: str = ""
    schema: str = EVALUATION_SCHEMA

    def __post_init__(self) -> None:
        side = len(self.classes) + 1
        if len(self.confusion) != side or any(len(row) != side for row in self.confusion):
            raise UsageError(f"its confusion matrix is not {side} x {side}")
        if self.protocol not in self.qualities:
            raise UsageError(f"it has no figures by its own protocol {self.protocol!r}")
        for quality in self.qualities.values():
            if len(quality.iou) not in {side - 1, side}:
                raise UsageError(f"it has {len(quality.iou)} IoU for {side - 1} classes")
