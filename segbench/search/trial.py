"""Trial records: all that a search knows of one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from annotated_types import Ge

from segbench.quantities import Duration, End, Share, Times
from segbench.results.pareto import Point
from segbench.results.search import State, check_interval
from segbench.search.space import Values


@dataclass(frozen=True)
class LatencyRatio:
    """Latency of a network relative to the reference model's.

    Attributes:
        ratio: to the reference model, which was timed before and after each block of the network;
            1 for the reference model itself.
        interval: 95 % interval of the ratio; None where it is not known, and for the reference
            model.
        rival_s: median seconds of the reference model in the same rounds. The name is that of the
            stored field.
    """

    ratio: Times
    interval: tuple[End, End] | None
    rival_s: Duration
    rounds: Annotated[int, Ge(0)]

    def __post_init__(self) -> None:
        check_interval(self.ratio, self.interval)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class TrialRecord:
    """One trial of a search.

    Samplers, rungs and learning curves see nothing else of a search. The storage keeps `model` and
    all that follows `state` under these names.

    Attributes:
        number: position in the search, from 0; trial 0 is the reference model.
        values: the choice in every dimension.
        model: specification of the network, as text.
        state: ``waiting`` before the first rung or at a rung; ``trained`` to the last rung;
            ``stopped`` at a rung for good; ``refused`` before training, for its latency;
            ``failed``.
        latency_s: the ratio times the latency of the reference model at the beginning of the
            search. None before the measurement.
        rungs: best validation mIoU so far, by epochs.
        timed: the measurement that `latency_s` follows from.
        spent: epochs that the whole search had trained when this trial reached its last rung.
        reason: why it was stopped or refused, or how it failed.
        sampler_attrs: what the sampler attached to its proposal, for its own use.
    """

    number: int
    values: Values
    model: str
    state: State = "waiting"
    latency_s: Duration | None = None
    rungs: Mapping[Annotated[int, Ge(1)], Share] = field(default_factory=dict)
    timed: LatencyRatio | None = None
    spent: Annotated[int, Ge(1)] | None = None
    reason: str = ""
    sampler_attrs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rungs and self.latency_s is None:
            raise ValueError("it has an mIoU and no latency")
        if self.state in {"trained", "stopped"} and not self.rungs:
            raise ValueError(f"it is {self.state} and has no mIoU")
        if self.state == "refused" and self.latency_s is None:
            raise ValueError("it is refused and has no latency")

    @property
    def epochs(self) -> int:
        """Epochs of the last rung; 0 before the first."""
        return max(self.rungs, default=0)

    @property
    def miou(self) -> float | None:
        """MIoU of a network that was trained to the end."""
        return self.rungs[self.epochs] if self.state == "trained" else None

    @property
    def waits_at(self) -> int | None:
        """Epochs of the rung at which it waits; None if it does not."""
        return self.epochs if self.state == "waiting" and self.rungs else None

    @property
    def point(self) -> Point | None:
        """Latency and mIoU of a network that was trained to the end."""
        if self.miou is None or self.latency_s is None:
            return None
        return self.latency_s, self.miou


def points_at(trials: Sequence[TrialRecord], epochs: int) -> list[Point]:
    """Return latency and mIoU at a rung, of all trials that reached it."""
    return [
        (each.latency_s, each.rungs[epochs])
        for each in trials
        if each.latency_s is not None and epochs in each.rungs
    ]
