"""Rungs: after how many epochs a network may be stopped, and whether it is.

Multi-objective asynchronous successive halving (Schmucker et al., MO-ASHA, arXiv 2106.12639): of
the networks that reached a rung, the best third by Pareto rank goes on, and the front always does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from segbench.search.pareto import Point, contributions, ranks

SHARE = 3  # one in so many goes on, and each rung has so many times the epochs of the one before
RUNGS = 3


def rungs_of(epochs: int) -> tuple[int, ...]:
    """Return the epochs of the rungs: a ninth, a third and all of them.

    >>> rungs_of(27), rungs_of(4), rungs_of(1)
    ((3, 9, 27), (1, 4), (1,))
    """
    found = (round(epochs / SHARE**left) for left in reversed(range(RUNGS)))
    return tuple(sorted({rung for rung in found if rung > 0}))


def goes_on(point: Point, others: Sequence[Point], reference: Point) -> bool:
    """Tell whether a network is trained further than its rung.

    Args:
        point: its latency, and its mIoU at this rung.
        others: those of all that reached this rung before.
        reference: for the hypervolume, which decides between points of one rank.

    >>> goes_on((2.0, 0.5), [(1.0, 0.6), (1.5, 0.7), (3.0, 0.7)], (10.0, 0.0))
    False
    >>> goes_on((2.0, 0.8), [(1.0, 0.6), (1.5, 0.7), (3.0, 0.7)], (10.0, 0.0))
    True
    """
    points = [point, *others]
    by_rank = ranks(points)
    if by_rank[0] == 0:
        return True
    places = math.ceil(len(points) / SHARE)
    before = sum(rank < by_rank[0] for rank in by_rank)
    if before >= places:
        return False
    peers = [at for at, rank in enumerate(by_rank) if rank == by_rank[0]]
    shares = contributions([points[at] for at in peers], reference)
    better = sum(share > shares[0] for share in shares)
    return before + better < places
