"""Judging a budget: looks at the samples, and the verdict that each interval allows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from segbench.budgets.limits import BASELINE
from segbench.results.check import Judgement, Look, Verdict
from segbench.results.profile import Latency, Noise
from segbench.results.samples import block_medians, paired_ratios
from segbench.results.statistics import Interval, median_interval, ratio_interval, ratio_of

# The chance of a wrong verdict, 5 % in all, is split between three looks. The first finds what is
# far over or under and needs no more; most is left for the last, which decides what is close.
ERRORS = (0.005, 0.015, 0.03)
FIRST_LOOK = 3  # rounds
MOST_ROUNDS = 200  # whatever the time; a result must fit in memory


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

    The last round that there may be is the last look too.

    Which look it is depends on the clock and on nothing that was measured. Error that a look has
    not spent, because it fell out, goes to the last.

    Args:
        limit_s: seconds for all rounds together.
        most: rounds at most.
    """

    def __init__(self, limit_s: float, *, most: int = MOST_ROUNDS) -> None:
        self.limit_s = limit_s
        self.most = most
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
        ends_late = rounds >= FIRST_LOOK and elapsed_s * (rounds + 1) / rounds > self.limit_s
        return ends_late or rounds >= self.most


def estimate_ratio(
    candidate: Latency | None, other: Latency | None, *, confidence: float
) -> Estimate | None:
    """Return one latency over another that was measured in turns with it."""
    pairs = paired_ratios(candidate, other)
    if not pairs:
        return None
    return Estimate(ratio_of(pairs), ratio_interval(pairs, confidence=confidence))


def estimate_median(latency: Latency | None, *, confidence: float) -> Estimate | None:
    """Return a latency in seconds."""
    if latency is None:
        return None
    rounds = list(block_medians(latency.samples_s, latency.blocks).values())
    return Estimate(latency.p50_s, median_interval(rounds, confidence=confidence))


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


def judge_exact(
    judgement: Judgement,
    other: float | None,
    *,
    uncounted: bool = False,
    uncounted_other: bool = False,
    withheld: str | None = None,
) -> Judgement:
    """Decide a limit on a figure without noise.

    A count that leaves out operators is the least that it can be: over its bound it stays, within
    it may not be. Of what the bound is a multiple of, the opposite holds.

    Args:
        judgement: the limit and what was measured, without a verdict.
        other: the figure that the bound is a multiple of; 1 where the bound stands by itself.
        uncounted: whether operators are left out of the figure; so is `uncounted_other`.
        withheld: why the figure is not known, where that is known.

    >>> limit = Judgement("segfast", "params <= 9", "params", "exact", None, 8.0, None, bound=9.0)
    >>> judge_exact(limit, 1).verdict
    'within'
    """
    own = judgement.measured
    if own is None or other is None:
        whose = judgement.model
        if own is not None:
            whose = "the baseline" if judgement.to == BASELINE else str(judgement.to)
        on_linux = "run on Linux, or " if judgement.metric.startswith("memory.") else ""
        reason = f"{judgement.metric} of {whose} is not known; {on_linux}leave the limit out"
        if own is None and withheld is not None:
            reason = f"{judgement.metric} of {whose} cannot be had: {withheld}"
        return replace(judgement, verdict="inconclusive", reason=reason)
    # A product, for a quotient of whole numbers may be rounded to beyond its bound.
    verdict: Verdict = "within" if own <= judgement.bound * other else "over"
    value = own / other if other else None
    if uncounted if verdict == "within" else uncounted_other:
        reason = (
            f"{judgement.metric} is a lower bound: operators without a counting rule are not in "
            "it, see uncounted_ops"
        )
        return replace(judgement, value=value, verdict="inconclusive", reason=reason)
    return replace(judgement, value=value, verdict=verdict)


def judge_timed(
    judgement: Judgement,
    estimate: Estimate | None,
    look: Look,
    *,
    noise: Noise | None = None,
    noise_then: Noise | None = None,
    withheld: str | None = None,
) -> Judgement:
    """Decide a limit on a time or on a ratio of times, or call it inconclusive for now.

    Whatever disturbs a machine makes it slower. So it can excuse a time that stands by itself, but
    never convict it; and a time that was stored then can convict another, but never excuse it.

    Args:
        judgement: the limit and what was measured, without a verdict.
        noise: of the machine now; None for a ratio of two that were measured in turns.
        noise_then: of the machine when a baseline was saved; None where there is none.
        withheld: why the network was not timed, where it was not.
    """
    if estimate is None or estimate.interval is None:
        value = None if estimate is None else estimate.value
        reason = "there are too few samples to judge by"
        if estimate is None and withheld is not None:
            reason = f"it cannot be timed: {withheld}"
        return replace(judgement, value=value, verdict="inconclusive", reason=reason)
    verdict = verdict_on(estimate.interval, judgement.bound)
    reason = ""
    if verdict == "inconclusive":
        reason = (
            f"the interval holds the bound after {look.rounds} rounds; "
            "give more time with --max-time, or a quieter machine"
        )
    elif verdict == "over" and noise is not None and noise.noisy:
        verdict = "inconclusive"
        reason = f"it is over, but the machine was disturbed: {noise.reasons[0]}"
    elif verdict == "within" and noise_then is not None and noise_then.noisy:
        verdict = "inconclusive"
        reason = (
            "it is within, but the machine was disturbed when the baseline was saved: "
            f"{noise_then.reasons[0]}; save it again"
        )
    value, interval = estimate.value, estimate.interval
    return replace(judgement, value=value, interval=interval, verdict=verdict, reason=reason)
