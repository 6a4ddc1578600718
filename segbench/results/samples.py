"""Ratios of what two networks took in the cycles that both were in, and how far they differ."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Protocol

from segbench.results.profile import Block


class Sampled(Protocol):
    """Samples of one phase, and the blocks that they came in."""

    @property
    def samples_s(self) -> Sequence[float]:
        """Seconds of each call, block after block."""
        ...

    @property
    def blocks(self) -> Sequence[Block]:
        """In the order in which they were measured."""
        ...


def ratios_by_round(candidate: Sampled, baseline: Sampled) -> dict[int, list[float]]:
    """Return the ratios of what the two took in the cycles that both were in.

    Where a cycle has several blocks of one of them, it is their geometric mean that counts.
    """
    above, below = _cycles_s(candidate), _cycles_s(baseline)
    ratios: dict[int, list[float]] = {}
    for place in sorted(above.keys() & below.keys()):
        ratios.setdefault(place[0], []).append(above[place] / below[place])
    return ratios


def paired_ratios(candidate: Sampled | None, baseline: Sampled | None) -> list[list[float]]:
    """Return the ratios of :func:`ratios_by_round`, one row for each round."""
    if candidate is None or baseline is None:
        return []
    return list(ratios_by_round(candidate, baseline).values())


def deviation_within_rounds(ratios: Sequence[Sequence[float]]) -> float | None:
    """Return how far the pairs of one round differ: the deviation of a logarithm in most rounds.

    Args:
        ratios: of paired blocks, by round.

    Returns:
        The median over the rounds with two pairs or more; None if there is none.

    >>> deviation_within_rounds([[2.0, 2.0], [1.0], [3.0, 3.0, 3.0]])
    0.0
    >>> deviation_within_rounds([[2.0], [1.0]]) is None
    True
    """
    found = [statistics.stdev(map(math.log, row)) for row in ratios if len(row) > 1]
    return statistics.median(found) if found else None


def _cycles_s(sampled: Sampled) -> dict[tuple[int, int], float]:
    """Return the geometric mean of the medians of the blocks of each (round, cycle)."""
    medians: dict[tuple[int, int], list[float]] = {}
    start = 0
    for block in sampled.blocks:
        samples = sampled.samples_s[start : start + block.count]
        medians.setdefault((block.round, block.cycle), []).append(statistics.median(samples))
        start += block.count
    return {place: statistics.geometric_mean(values) for place, values in medians.items()}


def block_medians(
    samples: list[float] | tuple[float, ...], blocks: list[Block] | tuple[Block, ...]
) -> dict[int, list[float]]:
    """Return the median of each block's samples, by round.

    >>> from segbench.results.environment import Disturbance
    >>> quiet = Disturbance(wall_s=1.0, cpu_s=1.0, cpu_wall_ratio=1.0, steal_s=None,
    ...     steal_share=None, other_busy_cpus=None, psi_some_share=None, involuntary_switches=0,
    ...     voluntary_switches=0, minor_faults=0, major_faults=0)
    >>> block_medians([1.0, 3.0, 5.0], [Block(0, 0, 2, quiet), Block(0, 1, 1, quiet)])
    {0: [2.0, 5.0]}
    """
    found: dict[int, list[float]] = {}
    start = 0
    for block in blocks:
        found.setdefault(block.round, []).append(
            statistics.median(samples[start : start + block.count])
        )
        start += block.count
    return found
