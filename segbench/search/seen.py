"""What a search knows of the networks it has tried; samplers and rungs decide from it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from segbench.search.pareto import Point
from segbench.search.space import Values

State = Literal["trained", "waiting", "stopped", "refused", "failed"]


@dataclass(frozen=True)
class Seen:
    """A trial that is over, or waits at a rung.

    Attributes:
        state: ``trained`` to the end; ``waiting`` at a rung, to be trained on if that turns out to
            be worth it; ``stopped`` there for good; ``refused``, as over the budget before any
            training; or ``failed``.
        latency_s: None if it failed before it was measured.
        rungs: best mIoU so far by the epochs behind it.
        about: what the sampler wants to know again of its own proposal.
    """

    number: int
    values: Values
    state: State
    latency_s: float | None = None
    rungs: Mapping[int, float] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def miou(self) -> float | None:
        """The mIoU of a network that was trained to the end."""
        return self.rungs[max(self.rungs)] if self.state == "trained" and self.rungs else None

    @property
    def waits_at(self) -> int | None:
        """The epochs of the rung where it waits; None if it does not."""
        return max(self.rungs) if self.state == "waiting" else None

    @property
    def point(self) -> Point | None:
        """Latency and mIoU of a network that was trained to the end."""
        if self.miou is None or self.latency_s is None:
            return None
        return self.latency_s, self.miou


def points_at(seen: Sequence[Seen], epochs: int) -> list[Point]:
    """Return latency and mIoU after so many epochs, of all that came as far."""
    return [
        (each.latency_s, each.rungs[epochs])
        for each in seen
        if each.latency_s is not None and epochs in each.rungs
    ]
