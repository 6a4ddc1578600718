"""The sampler `front`: change the front's networks, and try the one that would widen it most.

Latency is as good as known before a network is tried, by the predictor; only accuracy is uncertain.
So among many children of the front the one is taken whose expected gain in hypervolume is largest,
with the latency held for true and the mIoU drawn from a Gaussian process.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segbench.search.pareto import Point, front, ranks
from segbench.search.proposing import Proposal
from segbench.search.seen import Seen
from segbench.search.space import Choice, Study, Values, cross, mutate
from segbench.search.surrogate import Surrogate

Floats = NDArray[np.float64]

CHILDREN = 256  # that are looked at for each proposal
LEARN_FROM = 8  # networks with a latency and an mIoU, before there is a surrogate
CROSSED = 0.4  # share of the children that have two parents
QUANTILES = 16  # of an mIoU's distribution


@dataclass
class FrontProposer:
    """Propose by expected gain.

    Attributes:
        latency: predicts seconds for a choice.
        reference: of the hypervolume.
        limit_s: slower networks are not proposed, if there is one.
    """

    study: Study
    latency: Callable[[Values], float]
    reference: Point
    limit_s: float | None = None

    def propose(self, seen: Sequence[Seen], seed: int) -> Proposal:
        """Return the most promising child of those near the front."""
        rng = random.Random(seed)  # noqa: S311 - no secret
        known = _accuracies(seen)
        tried = [each for each in seen if each.number in known and each.latency_s is not None]
        if len(tried) < LEARN_FROM:
            return Proposal(self._draw_fast(rng))
        points = [(float(each.latency_s or 0), known[each.number]) for each in tried]
        children = self._children(tried, points, rng)
        if not children:
            return Proposal(self._draw_fast(rng))
        latencies = np.array([self.latency(child) for child in children])
        surrogate = Surrogate.fit(
            np.array(
                [
                    self._place(each.values, latency)
                    for each, (latency, _) in zip(tried, points, strict=True)
                ]
            ),
            np.array([miou for _, miou in points]),
        )
        places = [
            self._place(child, latency)
            for child, latency in zip(children, latencies.tolist(), strict=True)
        ]
        mean, deviation = surrogate.predict(np.array(places))
        gains = expected_gains(points, self.reference, latencies, mean, deviation)
        if self.limit_s is not None:
            gains = np.where(latencies <= self.limit_s, gains, -1.0)
        return Proposal(children[int(np.argmax(gains))])

    def _place(self, values: Values, latency: float) -> list[float]:
        """Return the coordinates that the surrogate sees: the choices, and how slow they are."""
        return [*self.study.place(values), math.log(latency)]

    def _draw_fast(self, rng: random.Random) -> dict[str, Choice]:
        """Return a choice at random, no slower than the limit if there are such."""
        drawn = [self.study.draw(rng) for _ in range(16)]
        if self.limit_s is None:
            return drawn[0]
        fast = [values for values in drawn if self.latency(values) <= self.limit_s]
        return fast[0] if fast else min(drawn, key=self.latency)

    def _children(
        self, tried: Sequence[Seen], points: Sequence[Point], rng: random.Random
    ) -> list[dict[str, Choice]]:
        """Return choices near the first two fronts that were not tried, each once."""
        by_rank = ranks(points)
        parents = [each.values for each, rank in zip(tried, by_rank, strict=True) if rank <= 1]
        before = {tuple(each.values.items()) for each in tried}
        found: dict[tuple[tuple[str, Choice], ...], dict[str, Choice]] = {}
        for _ in range(CHILDREN):
            parent = rng.choice(parents)
            if len(parents) > 1 and rng.random() < CROSSED:
                parent = cross(parent, rng.choice(parents), rng)
            child = mutate(self.study, parent, rng, changes=1 + int(rng.expovariate(0.35)))
            key = tuple(child.items())
            if key not in before:
                found[key] = child
        return list(found.values())


def _accuracies(seen: Sequence[Seen]) -> dict[int, float]:
    """Return the mIoU of every trial that has one; of one that was stopped, what it would be.

    What the rung lacks is what those that went on gained from it, in the median.
    """
    most = max((max(each.rungs) for each in seen if each.rungs), default=0)
    found: dict[int, float] = {}
    for each in seen:
        if not each.rungs:
            continue
        last = max(each.rungs)
        gains = [
            other.rungs[most] - other.rungs[last]
            for other in seen
            if most in other.rungs and last in other.rungs
        ]
        found[each.number] = each.rungs[last] + (float(np.median(gains)) if gains else 0.0)
    return found


def expected_gains(
    points: Sequence[Point],
    reference: Point,
    latencies: Floats,
    mean: Floats,
    deviation: Floats,
) -> Floats:
    """Return how much hypervolume each network is expected to add to that of the points.

    Args:
        latencies: of the networks, (count,), taken for true.
        mean: of the normal distributions of their mIoU, (count,); so is `deviation`.

    >>> half = np.array([0.5])
    >>> certain = expected_gains([(1.0, 0.5)], (4.0, 0.0), np.array([2.0]), 1.5 * half, 0 * half)
    >>> float(certain[0])  # the 2 s to the reference, by the 0.25 above the point
    0.5
    """
    from scipy.special import ndtri  # noqa: PLC0415 - reports do not wait for it

    slowest, least = reference
    inside = [point for point in points if point[0] < slowest]
    best = [inside[at] for at in front(inside)]
    edges = np.array([latency for latency, _ in best] + [slowest])
    heights = np.array([max(miou, least) for _, miou in best])
    draws = mean[:, None] + deviation[:, None] * ndtri((np.arange(QUANTILES) + 0.5) / QUANTILES)
    # What is covered at a latency is the mIoU of the slowest point that is faster: steps. From the
    # network's latency on, it adds what it is higher than each of the steps.
    gains = np.zeros_like(draws)
    starts = np.concatenate([[-np.inf], edges[:-1]])
    levels = np.concatenate([[least], heights])
    for start, end, level in zip(starts, edges, levels, strict=True):
        width = np.maximum(0.0, end - np.maximum(start, latencies))
        gains += np.where(np.isfinite(width), width, 0.0)[:, None] * np.maximum(0.0, draws - level)
    found: Floats = gains.mean(axis=1)
    return found
