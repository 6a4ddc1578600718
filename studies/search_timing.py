"""How sharply does a search time a network, and what does that take?

Question: a search measures every network that it tries. How much wider do its intervals get, and
how much less far do two measurements of one network agree, if it takes less time for each?
Source: Cochran, Sampling Techniques, 1977, on how a given time is shared between rounds and blocks.
Cost: 8 turns took five minutes on 2 cores of an Intel Xeon when SegFast took 39 to 45 ms.
Result: as a search measures, a network took three rounds and 9 s, eight times; its ratios differed
by 7.2 % and had intervals of 11.4 % to either side. With pairs timed twice as long, and six rounds,
it was 31 s, 4.3 % and 6.0 % (the standard deviation, and medians).

    python -m studies.search_timing

`LEAN` of the space `spark` is timed beside SegFast again and again, in turns as a search measures
and as it would with pairs as long as those of `segbench compare`, in six rounds at most. The worker
pools are cached, as in a search.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segbench.measurement.schedule import IN_TURNS
from segbench.measurement.settings import Settings
from segbench.measurement.workers.cached_pools import CachedPools
from segbench.search.latency import time_beside
from segbench.search.spaces.spark import LEAN, STUDY
from segbench.search.trial import LatencyRatio

PLANS: Mapping[str, Mapping[str, Any]] = {
    "as a search measures": {},
    "twice as long": {"sampling": IN_TURNS[0], "max_rounds": 6, "max_seconds": math.inf},
}


@dataclass(frozen=True)
class Taken:
    """What was measured once, and how long it took."""

    timed: LatencyRatio
    seconds: float


def measure(effort: Mapping[str, Any], pools: CachedPools) -> Taken:
    """Time `LEAN` beside SegFast."""
    began_s = time.monotonic()
    lean, reference = STUDY.network(LEAN), STUDY.reference_model
    (timed,) = time_beside([lean], reference, Settings(), pools=pools, **effort)
    return Taken(timed, time.monotonic() - began_s)


def describe(words: str, taken: Sequence[Taken]) -> str:
    """Return a row of the table."""
    logarithms = [math.log(each.timed.ratio) for each in taken]
    middle = statistics.fmean(logarithms)
    intervals = [each.timed.interval for each in taken if each.timed.interval]
    halves = [math.sqrt(high / low) - 1 for low, high in intervals]
    covering = sum(low <= math.exp(middle) <= high for low, high in intervals)
    return (
        f"| {words} | {statistics.median(each.seconds for each in taken):.0f} s "
        f"| {statistics.median(each.timed.rounds for each in taken):g} | {math.exp(middle):.3f} "
        f"| {100 * statistics.stdev(logarithms):.1f} % | {100 * statistics.median(halves):.1f} % "
        f"| {covering} of {len(taken)} |"
    )


def main() -> None:
    """Measure in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=8, help="two at least")
    given = parser.parse_args()
    taken: dict[str, list[Taken]] = {words: [] for words in PLANS}
    pools = CachedPools()
    try:
        for _ in range(given.turns):
            for words, effort in PLANS.items():
                taken[words].append(measure(effort, pools))
    finally:
        pools.close()
    segfast = [each.timed.rival_s for found in taken.values() for each in found]
    print(f"SegFast took {1e3 * min(segfast):.0f} to {1e3 * max(segfast):.0f} ms")  # noqa: T201
    print("| effort | takes | rounds | ratio | apart | interval to either side | holds |")  # noqa: T201
    print("| :-- | --: | --: | --: | --: | --: | --: |")  # noqa: T201
    for words, found in taken.items():
        print(describe(words, found))  # noqa: T201


if __name__ == "__main__":
    main()
