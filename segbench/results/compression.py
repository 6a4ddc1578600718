"""Result of a compression: a trained network, and what each step made of it."""

from __future__ import annotations

from dataclasses import dataclass

from segbench.errors import UsageError
from segbench.quantities import Count, End, Number, Seconds, Share, Times
from segbench.results.evaluation import Protocol

COMPRESSION_SCHEMA = "segbench/compression/1"


@dataclass(frozen=True)
class Stage:
    """A network, as it was given or as a step left it.

    Attributes:
        step: what made it; None for the network that was given.
        model: its specification.
        weights: their file.
        size_bytes: of that.
        latency_s: of a forward pass in the runtime, measured in turns with the stage before.
        ratio: that over the latency of the stage before, with its interval.
        miou: by split and protocol, in the runtime.
        pays: whether it is faster than the stage before, beyond doubt.
    """

    step: str | None
    model: str
    weights: str
    params: Count
    size_bytes: Count
    latency_s: Seconds
    miou: dict[str, dict[Protocol, Share | None]]
    ratio: Times | None = None
    ci95: tuple[End, End] | None = None
    pays: bool = True


@dataclass(frozen=True)
class Compression:
    """A trained network, and what became of it.

    Attributes:
        run: that was compressed, as it was named.
        runtime: that it is for.
        size: height and width of the images.
        protocol: the one that the run was trained by.
        recipe: that it was fine-tuned by. `epochs` likewise, at most.
        asked: what each step was to do, by its name.
    """

    run: str
    dataset: str
    runtime: str
    size: tuple[Number, Number]
    threads: Number
    protocol: Protocol
    recipe: str
    epochs: Number
    asked: dict[str, str]
    stages: tuple[Stage, ...]
    created: str = ""
    schema: str = COMPRESSION_SCHEMA

    def __post_init__(self) -> None:
        if not self.stages or self.stages[0].step is not None:
            raise UsageError("its first stage is not the network that was given")
