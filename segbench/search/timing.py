"""Measure networks against the rival, in turns: the quiet instrument of `segbench compare`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from segbench.crews import start_crews
from segbench.errors import MeasurementError
from segbench.kept_crews import KeptCrews
from segbench.pairs import paired_ratios
from segbench.rounds import IN_TURNS, Contest, Progress, Sampling
from segbench.runs import Run, ignore_progress
from segbench.settings import Settings
from segbench.statistics import Interval, ratio_interval, ratio_of
from zoo.spec import ModelSpec

LEAST_ROUNDS, MOST_ROUNDS = 3, 12
NARROW = 0.03  # half the width of the interval of a ratio at which there are rounds enough
MOST_S = 7.0  # for each network; what the fewest rounds take over it is spent all the same
# Three rounds of a busy machine can leave a ratio so unsure that nothing follows from it. What is
# known no better than this may take as long again.
WIDE = 0.15
# Contests are half as long as those of `segbench compare`, and so are the longest where blocks
# differ: a search measures many networks, and what it finds is compared at length anyway.
SAMPLING = replace(IN_TURNS[0], contest_s=IN_TURNS[0].contest_s / 2)


@dataclass(frozen=True)
class Timed:
    """The latency of a network, as it was measured beside its rival.

    Attributes:
        ratio: over the rival, which took its turns before and after each block of the network; the
            rival's own is 1.
        interval: of the ratio, 95 %; None where it is not known, and for the rival.
        rival_s: what the rival took meanwhile, the median.
    """

    ratio: float
    interval: Interval | None
    rival_s: float
    rounds: int

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Timed:
        """Rebuild it."""
        interval = fields["interval"]
        return cls(**{**fields, "interval": None if interval is None else tuple(interval)})


def time_beside(
    specs: Sequence[ModelSpec],
    rival: ModelSpec,
    settings: Settings,
    *,
    least: int = LEAST_ROUNDS,
    most: int = MOST_ROUNDS,
    most_s: float = MOST_S,
    sampling: Sampling = SAMPLING,
    crews: KeptCrews | None = None,
    progress: Progress = ignore_progress,
) -> list[Timed]:
    """Measure networks, each in turns with the rival, in rounds of fresh processes.

    Where the rival is one of them, what it takes beside the others is what it takes; alone it is
    measured by itself.

    Args:
        least: rounds; there are more, up to `most`, of those whose interval is not narrow enough.
        most_s: seconds for each network; beyond the least no round begins that would take longer,
            if it takes as long as those before it. As long again is given to what has a wide
            interval then.
        sampling: of a contest with the rival.
        crews: what processes come from; if None, from such as end with this measurement.

    Raises:
        UsageError: a network cannot be built.
        MeasurementError: a network failed, or its process died.
    """
    arms = [*(spec for spec in specs if spec != rival), rival]
    last = len(arms) - 1
    tasks = [settings.task(spec) for spec in arms]
    run = Run(
        tasks,
        settings.describe_input(),
        progress,
        strict=False,
        training=False,
        start_crews=start_crews if crews is None else crews.begin(),
    )
    contests: list[Contest] = [(arm, last) for arm in range(last)] or [(last,)]

    def is_wider(arm: int, limit: float) -> bool:
        interval = ratio_interval(_pairs(run, arm, last))
        return interval is None or math.sqrt(interval[1] / interval[0]) - 1 > limit

    def enough(rounds: int) -> bool:
        if rounds < least:
            return False
        then_s = run.elapsed_s * (1 + 1 / rounds)  # after one more
        limit = NARROW if then_s <= most_s * max(last, 1) else WIDE
        contests[:] = [each for each in contests if each[0] != last and is_wider(each[0], limit)]
        return not contests or then_s > most_s * (last + len(contests))

    run.time(contests, most=most, seed=settings.seed, plan=(sampling,), enough=enough)
    return [_timed(run, arms.index(spec), last) for spec in specs]


def _pairs(run: Run, arm: int, rival: int) -> list[list[float]]:
    forward, other = (run.recordings[at].phases["forward"] for at in (arm, rival))
    return paired_ratios(forward, other)


def _timed(run: Run, arm: int, rival: int) -> Timed:
    beside = run.recordings[rival].latencies().forward
    pairs = _pairs(run, arm, rival)
    if beside is None or not pairs:
        raise MeasurementError("no network was timed; the run ended before its first block")
    ratio, interval = (1.0, None) if arm == rival else (ratio_of(pairs), ratio_interval(pairs))
    return Timed(ratio, interval, beside.p50_s, len(pairs))
