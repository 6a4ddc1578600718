"""The order of measuring in a round: pairs of two networks, in blocks that take turns."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segbench.measurement.recording import Recording
from segbench.measurement.workers.protocol import Work
from segbench.results.profile import Phase
from segbench.results.samples import deviation_within_rounds, paired_ratios

# The OpenMP threads of the worker that has just computed keep spinning for 8 to 11 ms in case more
# work comes. They are given the time to fall asleep before another worker computes.
FALL_ASLEEP_S = 0.012
# A short call after another process had the caches is slower than the calls that follow (by 17 %
# for SegFast); so a block after another network's begins with one call that is no sample. A call of
# over this many seconds fills the caches within itself many times, and is not worth repeating.
SETTLING_LIMIT_S = 0.2

# Two pairs of processes of the same networks differ by about as much, on a quiet machine (the
# deviation of the logarithm of their ratio; docs/method.md).
PROCESS_DEVIATION = 0.024
MAX_STRETCH = 5.0  # longest pair, relative to a quiet machine
# What is looked at to see how far the blocks of a work differ.
SHOWN_BY: dict[Work, Phase] = {"inference": "forward", "training": "backward"}

Pair = tuple[int, ...]


@dataclass(frozen=True)
class Sampling:
    """How one kind of work is sampled in each round.

    Attributes:
        block_s: seconds of a block of calls.
        pair_s: seconds for each pair, as near as whole cycles come, while blocks differ no
            more than those of a quiet machine.
        min_cycles, max_cycles: bounds on the cycles of one pair in a round.
    """

    work: Work
    block_s: float
    pair_s: float
    min_cycles: int
    max_cycles: int


# A network by itself: longer blocks, for nothing is held against a neighbour in time. A training
# step is three phases of which each gets a share of the block.
ALONE = (
    Sampling("inference", 0.3, 1.2, min_cycles=4, max_cycles=4),
    Sampling("training", 0.5, 1.0, min_cycles=2, max_cycles=2),
)
# Two networks: blocks as short as they can be, and many. The speed of a shared machine jumps by a
# third from one half second to the next, and what lies closer together is held against each other
# more fairly. A round is short, for processes of one network differ by more than its blocks do
# (docs/method.md): only more rounds make that less.
IN_TURNS = (
    Sampling("inference", 0.03, 1.0, min_cycles=1, max_cycles=20),
    Sampling("training", 0.1, 1.5, min_cycles=1, max_cycles=10),
)


def mirrored(pair: Pair, rng: random.Random) -> tuple[int, ...]:
    """Return the order of one cycle: A B B A or B A A B; a network alone has one block.

    A drift that is steady over the four blocks falls on both alike.

    >>> mirrored((0, 1), random.Random(0)), mirrored((3,), random.Random(0))
    ((1, 0, 0, 1), (3,))
    """
    if len(pair) == 1:
        return pair
    first, second = rng.sample(pair, 2)
    return first, second, second, first


def cycle_seconds(sampling: Sampling, calls_s: Sequence[float]) -> float:
    """Return what one cycle takes.

    Args:
        calls_s: seconds that one call of each of its networks takes.

    >>> round(cycle_seconds(IN_TURNS[0], [0.03, 0.03]), 3)  # four blocks of 72 ms
    0.288
    """
    blocks_s = [
        max(sampling.block_s, call_s) + settles(call_s) * call_s + FALL_ASLEEP_S
        for call_s in calls_s
    ]
    return blocks_s[0] if len(blocks_s) == 1 else 2 * sum(blocks_s)


def count_cycles(sampling: Sampling, cycle_s: float, pair_s: float) -> int:
    """Return how many cycles fill a pair.

    >>> count_cycles(IN_TURNS[0], 0.3, 1.0)
    3
    >>> count_cycles(IN_TURNS[0], 1.7, 1.0)  # one at least
    1
    """
    return max(sampling.min_cycles, min(sampling.max_cycles, round(pair_s / cycle_s)))


def pair_seconds(
    sampling: Sampling, *, cycle_s: float, overhead_s: float, deviation: float | None
) -> float:
    """Return how long a pair should be for the mean over rounds to be sharpest.

    Each round costs its overhead, and what its processes are like stays with it; so on a quiet
    machine pairs are short and rounds many. Where the cycles of a round differ by far more than
    rounds do, it is the cycles there are too few of. With rounds of n cycles c long, an overhead o,
    and the variances w within and b between rounds, a given time has the least variance at
    n = sqrt(o w / (c b)).

    Args:
        overhead_s: what a round costs without its cycles, for each of its pairs.
        deviation: of the logarithm of a cycle's ratio within a round, if it is known.

    >>> pair_seconds(IN_TURNS[0], cycle_s=0.2, overhead_s=1.0, deviation=0.02)
    1.0
    >>> round(pair_seconds(IN_TURNS[0], cycle_s=0.4, overhead_s=2.5, deviation=0.09), 2)
    3.75
    """
    if deviation is None:
        return sampling.pair_s
    best_s = math.sqrt(overhead_s * cycle_s) * deviation / PROCESS_DEVIATION
    return min(max(best_s, sampling.pair_s), MAX_STRETCH * sampling.pair_s)


def settles(call_s: float) -> bool:
    """Tell whether calls of so many seconds are preceded by one that is no sample."""
    return call_s < SETTLING_LIMIT_S


@dataclass(frozen=True)
class Turn:
    """A block that one candidate is asked for; blocks with one cycle's number are held together."""

    candidate: int
    cycle: int


def plan_turns(pairs: Sequence[Pair], cycles: Sequence[int], rng: random.Random) -> list[Turn]:
    """Return the turns of one round: all cycles of all pairs, in random order.

    >>> [turn.candidate for turn in plan_turns([(0, 1)], [1], random.Random(0))]
    [1, 0, 0, 1]
    """
    order = [pair for pair, count in zip(pairs, cycles, strict=True) for _ in range(count)]
    rng.shuffle(order)
    return [
        Turn(candidate, number)
        for number, pair in enumerate(order)
        for candidate in mirrored(pair, rng)
    ]


def plan_cycles(
    sampling: Sampling,
    pair: Pair,
    calls_s: Mapping[int, float],
    recordings: Sequence[Recording],
    overhead_s: float,
) -> int:
    """Return the cycles of a pair in a round, from how those of earlier rounds differed."""
    cycle_s = cycle_seconds(sampling, [calls_s[candidate] for candidate in pair])
    deviation = None
    if len(pair) > 1:
        phase = SHOWN_BY[sampling.work]
        above, below = (recordings[candidate].phases[phase] for candidate in pair)
        deviation = deviation_within_rounds(paired_ratios(above, below))
    pair_s = pair_seconds(sampling, cycle_s=cycle_s, overhead_s=overhead_s, deviation=deviation)
    return count_cycles(sampling, cycle_s, pair_s)
