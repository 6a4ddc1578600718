"""Result of a retraining: the front of a search, trained in full."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from segbench.errors import UsageError
from segbench.quantities import Count, Number, Seconds, Share
from segbench.results.evaluation import Protocol

RETRAINING_SCHEMA = "segbench/retraining/1"


@dataclass(frozen=True)
class Retrained:
    """One network, trained with several seeds.

    Attributes:
        trial: its number in the search.
        latency_s: as the search measured it.
        searched_miou: of the search; `miou` has one figure for each seed.
    """

    trial: Count
    model: str
    latency_s: Seconds
    searched_miou: Share
    miou: tuple[Share, ...]

    def __post_init__(self) -> None:
        if not self.miou:
            raise UsageError(f"trial {self.trial} was trained with no seed")

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return statistics.mean(self.miou)


@dataclass(frozen=True)
class Retraining:
    """Reference model and front of a search.

    Attributes:
        epochs: maximum of each run; the search trained `searched_epochs`.
        tau: Kendall's tau between the mIoU of the search and the means over the seeds: 1 where the
            search ranked the networks as full training does. None for fewer than three networks.
    """

    study: str
    dataset: str
    protocol: Protocol
    recipe: str
    epochs: Number
    searched_epochs: Number
    seeds: tuple[int, ...]
    rows: tuple[Retrained, ...]
    tau: Annotated[float, Interval(ge=-1, le=1)] | None
    complete: bool = True
    created: str = ""
    schema: str = RETRAINING_SCHEMA

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.miou) != len(self.seeds):
                raise UsageError(f"trial {row.trial} has not an mIoU for each of the seeds")
