"""The sampler `front`: breed from the front's networks, and try the one that would widen it most.

Latency is as good as known before a network is tried, by the predictor; only accuracy is uncertain.
So what is looked for is the network whose expected gain in hypervolume is largest, with the latency
held for true and the mIoU drawn from a Gaussian process. That is looked for by evolution: children
of the front, children of the best of these, and so on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from operator import itemgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from segbench.search.pareto import Point, front, ranks
from segbench.search.proposing import Proposal
from segbench.search.prospects import Prospects, place_of
from segbench.search.seen import Seen
from segbench.search.space import Choice, Study, Values, cross, mutate
from segbench.search.surrogate import Surrogate

Floats = NDArray[np.float64]
Judge: TypeAlias = Callable[[Sequence[Values]], Floats]

# Each proposal looks at 384 networks. A wide first generation finds the parts of the front where
# there is something to gain, and narrow ones follow them up; as many of one generation stay below.
FIRST = 64  # children of what was tried, and
GENERATIONS = 40  # more,
CHILDREN = 8  # in each of them,
PARENTS = 4  # of the best so far
LEARN_FROM = 8  # networks with a latency and an mIoU, before there is a surrogate
CROSSED = 0.4  # share of the children that have two parents
CHANGES = 0.35  # rate of the exponential distribution of how many more than one there are
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
        """Return the most promising descendant of those near the front."""
        rng = random.Random(seed)  # noqa: S311 - no secret
        tried = [each for each in seen if each.rungs]
        if len(tried) < LEARN_FROM:
            return Proposal(self._draw_fast(rng))
        expected, _ = Prospects.learn(self.study, seen).expect(tried)
        points = [
            (float(each.latency_s or 0), float(miou))
            for each, miou in zip(tried, expected, strict=True)
        ]
        judge = self._judge([each.values for each in tried], points)
        near = [each.values for each, rank in zip(tried, ranks(points), strict=True) if rank <= 1]
        best = self._evolve(near, (each.values for each in tried), judge, rng)
        return Proposal(self._draw_fast(rng) if best is None else best)

    def _judge(self, tried: Sequence[Values], points: Sequence[Point]) -> Judge:
        """Return what tells the worth of choices: the expected gain, or how far over the limit."""
        places = [
            place_of(self.study, values, latency)
            for values, (latency, _) in zip(tried, points, strict=True)
        ]
        surrogate = Surrogate.fit(np.array(places), np.array([miou for _, miou in points]))
        leading = [points[at] for at in front(points)]

        def judge(children: Sequence[Values]) -> Floats:
            latencies = np.array([self.latency(child) for child in children])
            places = [
                place_of(self.study, child, latency)
                for child, latency in zip(children, latencies.tolist(), strict=True)
            ]
            mean, deviation = surrogate.predict(np.array(places))
            gains = expected_gains(leading, self.reference, latencies, mean, deviation)
            if self.limit_s is None:
                return gains
            return np.where(latencies <= self.limit_s, gains, self.limit_s - latencies)

        return judge

    def _evolve(
        self, parents: list[Values], tried: Iterable[Values], judge: Judge, rng: random.Random
    ) -> Values | None:
        """Return the best of all that descend from some choices; None if all of them were tried."""
        known = {_key(values) for values in tried}
        judged: list[tuple[float, Values]] = []
        for count in (FIRST, *[CHILDREN] * GENERATIONS):
            bred = (self._child(parents, rng) for _ in range(count))
            children = {_key(child): child for child in bred}
            fresh = [child for key, child in children.items() if key not in known]
            if not fresh:
                continue
            known |= children.keys()
            judged += zip(judge(fresh).tolist(), fresh, strict=True)
            judged = nlargest(PARENTS, judged, key=itemgetter(0))
            parents = [values for _, values in judged]
        return parents[0] if judged else None

    def _draw_fast(self, rng: random.Random) -> dict[str, Choice]:
        """Return a choice at random, no slower than the limit if there are such."""
        drawn = [self.study.draw(rng) for _ in range(16)]
        if self.limit_s is None:
            return drawn[0]
        fast = [values for values in drawn if self.latency(values) <= self.limit_s]
        return fast[0] if fast else min(drawn, key=self.latency)

    def _child(self, parents: Sequence[Values], rng: random.Random) -> dict[str, Choice]:
        """Return a changed copy of one of the parents, or of two of them crossed."""
        parent = rng.choice(parents)
        if len(parents) > 1 and rng.random() < CROSSED:
            parent = cross(parent, rng.choice(parents), rng)
        return mutate(self.study, parent, rng, changes=1 + int(rng.expovariate(CHANGES)))


def _key(values: Values) -> tuple[Choice, ...]:
    return tuple(values.values())  # all are in the order of the space


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
    starts = np.concatenate([[-np.inf], edges[:-1]])
    levels = np.concatenate([[least], heights])
    widths = np.maximum(0.0, edges - np.maximum(starts, latencies[:, None]))
    above = np.maximum(0.0, draws[:, :, None] - levels).mean(axis=1)
    found: Floats = (widths * above).sum(axis=1)
    return found
