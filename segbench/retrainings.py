"""What the networks of a search's front came to when they were trained in full."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from segbench.confusion import Protocol

RETRAINING_SCHEMA = "segbench/retraining/1"


@dataclass(frozen=True)
class Retrained:
    """One network, trained with several seeds.

    Attributes:
        trial: its number in the search.
        latency_s: as the search measured it.
        searched_miou: what the search had seen; `miou` is what each seed reached.
    """

    trial: int
    model: str
    latency_s: float
    searched_miou: float
    miou: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return statistics.mean(self.miou)


@dataclass(frozen=True)
class Retraining:
    """The rival, and the front of a search.

    Attributes:
        epochs: at most, of every run; those of the search were `searched_epochs`.
        tau: Kendall's, between what the search had seen and the means over the seeds: 1 where it
            ranked the networks as full training does. None for fewer than three networks.
    """

    study: str
    dataset: str
    protocol: Protocol
    recipe: str
    epochs: int
    searched_epochs: int
    seeds: tuple[int, ...]
    rows: tuple[Retrained, ...]
    tau: float | None
    complete: bool = True
    created: str = ""
    schema: str = RETRAINING_SCHEMA
