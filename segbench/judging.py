"""How a budget is judged: looks at the samples, and the verdict that each interval allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from segbench.comparison import paired_ratios
from segbench.recording import block_medians
from segbench.results import Latency
from segbench.statistics import Interval, median_interval, ratio_interval, ratio_of
from segbench.verdicts import Look, Verdict

# The chance of a wrong verdict, 5 % in all, is split between three looks. The first finds what is
# far over or under and needs no more; most is left for the last, which decides what is close.
ERRORS = (0.005, 0.015, 0.03)
FIRST_LOOK = 3  # rounds


@dataclass(frozen=True)
class Estimate:
    """A figure and its interval; None where nothing is known of its spread."""

    value: float
    interval: Interval | None


def verdict_on(interval: Interval | None, bound: float) -> Verdict:
    """Return what an interval says of a bound.

    >>> verdict_on((1.03, 1.08), 1.02), verdict_on((0.97, 1.01), 1.02)
    ('over', 'within')
    >>> verdict_on((0.99, 1.05), 1.02), verdict_on(None, 1.02)
    ('inconclusive', 'inconclusive')
    """
    if interval is None:
        return "inconclusive"
    low, high = interval
    if low > bound:
        return "over"
    return "within" if high <= bound else "inconclusive"


class Looks:
    """When to look at the samples: after three rounds, at half time, and when time is used up.

    Which look it is depends on the clock and on nothing that was measured. Error that a look has
    not spent, because it fell out, goes to the last.

    Args:
        limit_s: seconds for all rounds together.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.taken: list[Look] = []

    def due(self, rounds: int, elapsed_s: float) -> Look | None:
        """Return the look to be taken after so many rounds, if one is."""
        if rounds < FIRST_LOOK:
            return None
        if self.is_last(rounds, elapsed_s):
            error = sum(ERRORS) - sum(look.error for look in self.taken)
        elif not self.taken or (len(self.taken) == 1 and elapsed_s >= self.limit_s / 2):
            error = ERRORS[len(self.taken)]
        else:
            return None
        look = Look(rounds, elapsed_s, error)
        self.taken.append(look)
        return look

    def is_last(self, rounds: int, elapsed_s: float) -> bool:
        """Tell whether one more round, as long as those before, would end too late."""
        return rounds >= FIRST_LOOK and elapsed_s * (rounds + 1) / rounds > self.limit_s


def estimate_ratio(
    candidate: Latency | None, other: Latency | None, *, confidence: float, seed: int
) -> Estimate | None:
    """Return one latency over another that was measured in turns with it."""
    pairs = paired_ratios(candidate, other)
    if not pairs:
        return None
    return Estimate(ratio_of(pairs), ratio_interval(pairs, seed=seed, confidence=confidence))


def estimate_median(latency: Latency | None, *, confidence: float, seed: int) -> Estimate | None:
    """Return a latency in seconds."""
    if latency is None:
        return None
    rounds = list(block_medians(latency.samples_s, latency.blocks).values())
    return Estimate(latency.p50_s, median_interval(rounds, seed=seed, confidence=confidence))


def quotient(above: Estimate, below: Estimate) -> Estimate:
    """Return the ratio of two figures of different runs, with the uncertainty of both.

    >>> quotient(Estimate(6.0, (3.0, 12.0)), Estimate(2.0, (2.0, 2.0)))
    Estimate(value=3.0, interval=(1.5, 6.0))
    """
    value = above.value / below.value
    if above.interval is None or below.interval is None:
        return Estimate(value, None)
    # Independent errors of the logarithms add by their squares.
    fall = math.hypot(
        math.log(above.value / above.interval[0]), math.log(below.interval[1] / below.value)
    )
    rise = math.hypot(
        math.log(above.interval[1] / above.value), math.log(below.value / below.interval[0])
    )
    return Estimate(value, (value * math.exp(-fall), value * math.exp(rise)))
