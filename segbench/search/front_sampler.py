"""Sampler `front`: expected hypervolume improvement, maximised by evolution.

The latency model predicts latencies so well that only the mIoU is uncertain. So the sampler
maximises the expected gain in hypervolume, with the predicted latency taken as exact and the mIoU
from a Gaussian process. The search is evolutionary: children of the front, then children of the
best of these, and so on.
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

from segbench.results.pareto import Point, front, ranks
from segbench.search.learning_curves import LearningCurveModel, coordinates_of
from segbench.search.proposals import Proposal
from segbench.search.space import Choice, Study, Values, cross, mutate
from segbench.search.surrogate import Surrogate
from segbench.search.trial import TrialRecord

Floats = NDArray[np.float64]
Acquisition: TypeAlias = Callable[[Sequence[Values]], Floats]

# Each proposal evaluates 384 networks. A wide first generation finds the parts of the front with a
# gain, and narrow generations refine them. As many networks in a single generation gain less.
FIRST_CHILDREN = 64  # of the first generation
GENERATIONS = 40  # after the first
CHILDREN = 8  # of each of these
PARENTS = 4  # the best so far
MIN_TRIALS = 8  # with an mIoU, for a surrogate; before that the sampler draws at random
CROSSOVER_SHARE = 0.4  # of the children
CHANGE_RATE = 0.35  # of the exponential distribution of the changes after the first
QUANTILES = 16  # of the distribution of an mIoU


@dataclass
class FrontSampler:
    """Sampler by expected gain of hypervolume.

    Attributes:
        predict_latency: returns seconds for a choice.
        reference: reference point of the hypervolume.
        budget_s: slower networks are not proposed; None for no limit.
    """

    study: Study
    predict_latency: Callable[[Values], float]
    reference: Point
    budget_s: float | None = None

    def propose(self, trials: Sequence[TrialRecord], seed: int) -> Proposal:
        """Return the descendant of the networks near the front with the largest expected gain."""
        rng = random.Random(seed)  # noqa: S311 - no secret
        tried = [each for each in trials if each.rungs]
        if len(tried) < MIN_TRIALS:
            return Proposal(self._draw_fast(rng))
        expected, _ = LearningCurveModel.fit(self.study, trials).predict(tried)
        points = [
            (float(each.latency_s or 0), float(miou))
            for each, miou in zip(tried, expected, strict=True)
        ]
        acquisition = self._acquisition([each.values for each in tried], points)
        near = [each.values for each, rank in zip(tried, ranks(points), strict=True) if rank <= 1]
        best = self._evolve(near, (each.values for each in tried), acquisition, rng)
        return Proposal(self._draw_fast(rng) if best is None else best)

    def _acquisition(self, tried: Sequence[Values], points: Sequence[Point]) -> Acquisition:
        """Return the acquisition function: expected gain, or minus the seconds over the budget."""
        coordinates = [
            coordinates_of(self.study, values, latency)
            for values, (latency, _) in zip(tried, points, strict=True)
        ]
        surrogate = Surrogate.fit(np.array(coordinates), np.array([miou for _, miou in points]))
        leading = [points[at] for at in front(points)]

        def acquisition(children: Sequence[Values]) -> Floats:
            latencies = np.array([self.predict_latency(child) for child in children])
            coordinates = [
                coordinates_of(self.study, child, latency)
                for child, latency in zip(children, latencies.tolist(), strict=True)
            ]
            mean, deviation = surrogate.predict(np.array(coordinates))
            gains = expected_gains(leading, self.reference, latencies, mean, deviation)
            if self.budget_s is None:
                return gains
            return np.where(latencies <= self.budget_s, gains, self.budget_s - latencies)

        return acquisition

    def _evolve(
        self,
        parents: list[Values],
        tried: Iterable[Values],
        acquisition: Acquisition,
        rng: random.Random,
    ) -> Values | None:
        """Return the best descendant of some choices; None if all descendants were tried."""
        known = {_key(values) for values in tried}
        best: list[tuple[float, Values]] = []
        for count in (FIRST_CHILDREN, *[CHILDREN] * GENERATIONS):
            bred = (self._child(parents, rng) for _ in range(count))
            children = {_key(child): child for child in bred}
            fresh = [child for key, child in children.items() if key not in known]
            if not fresh:
                continue
            known |= children.keys()
            best += zip(acquisition(fresh).tolist(), fresh, strict=True)
            best = nlargest(PARENTS, best, key=itemgetter(0))
            parents = [values for _, values in best]
        return parents[0] if best else None

    def _draw_fast(self, rng: random.Random) -> dict[str, Choice]:
        """Return a random choice within the budget; the fastest of 16 if none is."""
        drawn = [self.study.draw(rng) for _ in range(16)]
        if self.budget_s is None:
            return drawn[0]
        fast = [values for values in drawn if self.predict_latency(values) <= self.budget_s]
        return fast[0] if fast else min(drawn, key=self.predict_latency)

    def _child(self, parents: Sequence[Values], rng: random.Random) -> dict[str, Choice]:
        """Return a mutation of one parent, or of a crossover of two."""
        parent = rng.choice(parents)
        if len(parents) > 1 and rng.random() < CROSSOVER_SHARE:
            parent = cross(parent, rng.choice(parents), rng)
        return mutate(self.study, parent, rng, changes=1 + int(rng.expovariate(CHANGE_RATE)))


def _key(values: Values) -> tuple[Choice, ...]:
    return tuple(values.values())  # in the order of the space


def expected_gains(
    points: Sequence[Point],
    reference: Point,
    latencies: Floats,
    mean: Floats,
    deviation: Floats,
) -> Floats:
    """Return the expected gain in hypervolume of each network, over the points.

    Args:
        latencies: of the networks, (networks,), taken as exact.
        mean: of the normal distributions of their mIoU, (networks,), and so is `deviation`.

    >>> half = np.array([0.5])
    >>> certain = expected_gains([(1.0, 0.5)], (4.0, 0.0), np.array([2.0]), 1.5 * half, 0 * half)
    >>> float(certain[0])  # the 2 s to the reference, by the 0.25 above the point
    0.5
    """
    from scipy.special import ndtri

    slowest, least = reference
    inside = [point for point in points if point[0] < slowest]
    best = [inside[at] for at in front(inside)]
    edges = np.array([latency for latency, _ in best] + [slowest])
    heights = np.array([max(miou, least) for _, miou in best])
    draws = mean[:, None] + deviation[:, None] * ndtri((np.arange(QUANTILES) + 0.5) / QUANTILES)
    # At each latency the area reaches up to the mIoU of the slowest point that is faster: steps.
    # From its own latency on, a network adds its height above each step.
    starts = np.concatenate([[-np.inf], edges[:-1]])
    levels = np.concatenate([[least], heights])
    widths = np.maximum(0.0, edges - np.maximum(starts, latencies[:, None]))
    above = np.maximum(0.0, draws[:, :, None] - levels).mean(axis=1)
    found: Floats = (widths * above).sum(axis=1)
    return found
