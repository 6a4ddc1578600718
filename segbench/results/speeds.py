"""A machine of two speeds: rounds in which it was slower for all of them, and ratios are others.

What shares the hardware with a virtual machine can slow it for a minute, out of the kernel's
sight, and one network more than another; so their ratio is another meanwhile, and no pairing in
time cancels that (docs/method.md).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from segbench.results.samples import Sampled, block_medians, ratios_by_round
from segbench.results.statistics import ratio_of

GAP = (
    1.12  # between the slowest of the fast rounds and the fastest of the slow, where there is none
)
LEAST = 3  # rounds of either speed


@dataclass(frozen=True)
class Speeds:
    """The rounds of a run by the machine's speed in them.

    Attributes:
        fast, slow: the numbers of the rounds.
        fast_s, slow_s: what the baseline took in them, the median.
    """

    fast: tuple[int, ...]
    slow: tuple[int, ...]
    fast_s: float
    slow_s: float


def find_speeds(baseline: Sampled | None) -> Speeds | None:
    """Return the two speeds at which a machine ran a network, or None where it had but one.

    They are told apart by a gap between the rounds' medians that no round is in.
    """
    if baseline is None:
        return None
    medians = {
        number: statistics.median(blocks)
        for number, blocks in block_medians(
            tuple(baseline.samples_s), tuple(baseline.blocks)
        ).items()
    }
    order = sorted(medians, key=medians.__getitem__)
    places = range(LEAST, len(order) - LEAST + 1)
    if not places:
        return None
    gaps = {place: medians[order[place]] / medians[order[place - 1]] for place in places}
    place = max(gaps, key=gaps.__getitem__)
    if gaps[place] < GAP:
        return None
    fast, slow = order[:place], order[place:]
    return Speeds(
        tuple(sorted(fast)),
        tuple(sorted(slow)),
        statistics.median(medians[number] for number in fast),
        statistics.median(medians[number] for number in slow),
    )


def ratio_at(candidate: Sampled, baseline: Sampled, rounds: Sequence[int]) -> float:
    """Return the ratio in some of the rounds; NaN where the two did not meet in them."""
    found = ratios_by_round(candidate, baseline)
    pairs = [found[number] for number in rounds if number in found]
    return ratio_of(pairs) if pairs else math.nan
