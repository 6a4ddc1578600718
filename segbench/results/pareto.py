"""Points of latency and mIoU: which of them no other beats, and how much they cover.

A point is better the lower its latency and the higher its mIoU.
"""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]  # latency, mIoU


def dominates(one: Point, other: Point) -> bool:
    """Tell whether a point is no worse in both, and better in one.

    >>> dominates((1.0, 0.5), (2.0, 0.5)), dominates((1.0, 0.5), (1.0, 0.5))
    (True, False)
    """
    return one[0] <= other[0] and one[1] >= other[1] and one != other


def front(points: Sequence[Point]) -> list[int]:
    """Return the positions of the points that none dominates, the fastest first.

    Of points that are alike all are of the front.

    >>> front([(2.0, 0.6), (1.0, 0.5), (3.0, 0.6), (1.0, 0.4)])
    [1, 0]
    """
    order = sorted(range(len(points)), key=lambda at: (points[at][0], -points[at][1]))
    found: list[int] = []
    for position in order:
        best = points[found[-1]] if found else None
        if best is None or points[position][1] > best[1] or points[position] == best:
            found.append(position)
    return found


def ranks(points: Sequence[Point]) -> list[int]:
    """Return for each point how many fronts must be taken away before it is in one.

    Deb et al., NSGA-II, 2002.

    >>> ranks([(2.0, 0.6), (1.0, 0.5), (3.0, 0.6), (1.0, 0.4)])
    [0, 0, 1, 1]
    """
    found = [0] * len(points)
    left, rank = list(range(len(points))), 0
    while left:
        best = {left[position] for position in front([points[at] for at in left])}
        for position in best:
            found[position] = rank
        left = [position for position in left if position not in best]
        rank += 1
    return found


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Return the area that the points dominate, as far as the reference point.

    Args:
        reference: a latency and an mIoU; points that are no better in both count nothing.

    >>> hypervolume([(1.0, 0.5), (2.0, 0.75)], (4.0, 0.0))  # 3 x 0.5 + 2 x 0.25
    2.0
    """
    slowest, least = reference
    inside = [point for point in points if point[0] < slowest and point[1] > least]
    area, reached = 0.0, least
    for position in front(inside):
        latency, miou = inside[position]
        area += (slowest - latency) * (miou - reached)
        reached = miou
    return area


def contributions(points: Sequence[Point], reference: Point) -> list[float]:
    """Return for each point the area that would be lost without it.

    >>> contributions([(1.0, 0.5), (2.0, 0.75), (3.0, 0.5)], (4.0, 0.0))
    [0.5, 0.5, 0.0]
    """
    whole = hypervolume(points, reference)
    return [
        whole - hypervolume([*points[:at], *points[at + 1 :]], reference)
        for at in range(len(points))
    ]
