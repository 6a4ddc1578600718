"""Rungs: after how many epochs a network waits, and which of those that wait is trained on.

Asynchronous successive halving (Li et al., arXiv 1810.05934) for two objectives (Schmucker et al.,
MO-ASHA, arXiv 2106.12639), in the form that promotes: what waits is trained on whenever it turns
out to be among the best, so that nothing is stopped for what few networks were like before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from segbench.search.pareto import Point, contributions, front, ranks
from segbench.search.prospects import FEW, Prospects
from segbench.search.seen import Seen, points_at
from segbench.search.space import Study

SHARE = 3  # one in so many goes on, and each rung has so many times the epochs of the one before
RUNGS = 3
BEHIND = 1.1  # deviations below the front, from where on a network is held to be behind it


def rungs_of(epochs: int) -> tuple[int, ...]:
    """Return the epochs of the rungs: a ninth, a third and all of them.

    >>> rungs_of(27), rungs_of(4), rungs_of(1)
    ((3, 9, 27), (1, 4), (1,))
    """
    found = (round(epochs / SHARE**left) for left in reversed(range(RUNGS)))
    return tuple(sorted({rung for rung in found if rung > 0}))


def next_to_train(
    study: Study, seen: Sequence[Seen], reference: Point, *, last: bool
) -> int | None:
    """Return the number of the waiting network that is trained on; None if none is wanted now.

    What is expected to end on the front goes on. While networks are still proposed, so does the
    most promising of the others, as long as fewer than a third of those that came to a rung went on
    from it, unless it is surely behind. At last all go on that are not, and the front of each rung
    does whatever is expected of it.

    Args:
        seen: all that were tried, in their order.
        reference: for the hypervolume, which decides between points of one rank while too few were
            trained to the end to expect anything.
        last: whether nothing more will be proposed.
    """
    trained = [each.point for each in seen if each.point is not None]
    prospects = Prospects.learn(study, seen) if len(trained) >= FEW else None
    for rung in sorted({each.waits_at for each in seen if each.waits_at}, reverse=True):
        came = [each for each in seen if rung in each.rungs]
        waiting = [each for each in came if each.waits_at == rung]
        vacant = len(came) - len(waiting) < math.ceil(len(came) / SHARE)
        wanted: list[Seen] = []
        if prospects is not None:
            least = -BEHIND if vacant or last else 0.0
            wanted = _promising(waiting, trained, prospects, least)
        elif vacant and not last:
            wanted = _by_rank(came, rung, reference)
        if last:
            wanted += [came[at] for at in front(points_at(came, rung))]
        chosen = next((each for each in wanted if each.waits_at == rung), None)
        if chosen is not None:
            return chosen.number
    return None


def _promising(
    waiting: Sequence[Seen], trained: Sequence[Point], prospects: Prospects, least: float
) -> list[Seen]:
    """Return those that are expected so many deviations above the front, the highest first."""
    mean, deviation = prospects.expect(waiting)
    margins = [
        (float(expected) - _height(trained, each.latency_s or 0)) / float(unsure)
        for each, expected, unsure in zip(waiting, mean, deviation, strict=True)
    ]
    order = sorted(range(len(waiting)), key=lambda at: -margins[at])
    return [waiting[at] for at in order if margins[at] > least]


def _height(points: Sequence[Point], latency_s: float) -> float:
    """Return the best mIoU of what is no slower."""
    return max((miou for latency, miou in points if latency <= latency_s), default=-math.inf)


def _by_rank(came: Sequence[Seen], rung: int, reference: Point) -> list[Seen]:
    """Return networks by Pareto rank at their rung, and within a rank by share of the area."""
    points, found = points_at(came, rung), list[Seen]()
    by_rank = ranks(points)
    for rank in sorted(set(by_rank)):
        peers = [at for at, other in enumerate(by_rank) if other == rank]
        shares = contributions([points[at] for at in peers], reference)
        best = sorted(zip(shares, peers, strict=True), key=lambda each: -each[0])
        found += [came[at] for _, at in best]
    return found
