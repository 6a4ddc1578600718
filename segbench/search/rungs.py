"""Rungs: asynchronous successive halving for latency and mIoU.

The method is ASHA (Li et al., arXiv 1810.05934) for two objectives (MO-ASHA, Schmucker et al.,
arXiv 2106.12639), in the form that promotes. A network waits at a rung and is trained on whenever
it turns out to be among the best. So none is stopped for being compared with few networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from segbench.results.pareto import Point, contributions, front, ranks
from segbench.search.learning_curves import MIN_NETWORKS, LearningCurveModel
from segbench.search.space import Study
from segbench.search.trial import TrialRecord, points_at

REDUCTION_FACTOR = 3  # one in three is promoted, and each rung has three times the epochs
RUNGS = 3
MAX_DEFICIT = 1.1  # deviations below the front; a network expected farther below is behind it


def rungs_of(epochs: int) -> tuple[int, ...]:
    """Return the epochs of the rungs: a ninth, a third and all of them.

    >>> rungs_of(27), rungs_of(4), rungs_of(1)
    ((3, 9, 27), (1, 4), (1,))
    """
    found = (round(epochs / REDUCTION_FACTOR**left) for left in reversed(range(RUNGS)))
    return tuple(sorted({rung for rung in found if rung > 0}))


def next_to_train(
    study: Study, trials: Sequence[TrialRecord], reference: Point, *, last: bool
) -> int | None:
    """Return the number of the waiting trial to promote; None if there is none now.

    A network that is expected to end on the front is promoted. While networks are still proposed,
    the most promising of the others is too, if it is not surely behind the front and fewer than a
    third of the networks at its rung were promoted. When nothing more will be proposed, all are
    that are not surely behind, and the front of each rung is in any case.

    Args:
        trials: all trials, by number.
        reference: reference point of the hypervolume, which decides between points of one rank
            while too few networks were trained to the end to fit a model.
        last: whether nothing more will be proposed.
    """
    trained = [each.point for each in trials if each.point is not None]
    enough = len(trained) >= MIN_NETWORKS
    model = LearningCurveModel.fit(study, trials) if enough else None
    for rung in sorted({each.waits_at for each in trials if each.waits_at}, reverse=True):
        reached = [each for each in trials if rung in each.rungs]
        waiting = [each for each in reached if each.waits_at == rung]
        vacant = len(reached) - len(waiting) < math.ceil(len(reached) / REDUCTION_FACTOR)
        ranked: list[TrialRecord] = []
        if model is not None:
            min_margin = -MAX_DEFICIT if vacant or last else 0.0
            ranked = _promising(waiting, trained, model, min_margin)
        elif vacant and not last:
            ranked = _by_rank(reached, rung, reference)
        if last:
            ranked += [reached[at] for at in front(points_at(reached, rung))]
        chosen = next((each for each in ranked if each.waits_at == rung), None)
        if chosen is not None:
            return chosen.number
    return None


def _promising(
    waiting: Sequence[TrialRecord],
    trained: Sequence[Point],
    model: LearningCurveModel,
    min_margin: float,
) -> list[TrialRecord]:
    """Return trials predicted more than so many deviations above the front, the highest first."""
    mean, deviation = model.predict(waiting)
    margins = [
        (float(miou) - _front_miou(trained, each.latency_s or 0)) / float(spread)
        for each, miou, spread in zip(waiting, mean, deviation, strict=True)
    ]
    order = sorted(range(len(waiting)), key=lambda at: -margins[at])
    return [waiting[at] for at in order if margins[at] > min_margin]


def _front_miou(points: Sequence[Point], latency_s: float) -> float:
    """Return the best mIoU of the points that are no slower."""
    return max((miou for latency, miou in points if latency <= latency_s), default=-math.inf)


def _by_rank(reached: Sequence[TrialRecord], rung: int, reference: Point) -> list[TrialRecord]:
    """Return trials by Pareto rank at a rung, and within a rank by share of the hypervolume."""
    points, found = points_at(reached, rung), list[TrialRecord]()
    by_rank = ranks(points)
    for rank in sorted(set(by_rank)):
        peers = [at for at, other in enumerate(by_rank) if other == rank]
        shares = contributions([points[at] for at in peers], reference)
        best = sorted(zip(shares, peers, strict=True), key=lambda each: -each[0])
        found += [reached[at] for _, at in best]
    return found
