"""The order of measuring: rounds of fresh processes, and in each round pairs of two networks."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from segbench.measurement.recording import Recording
from segbench.measurement.workers.pool import MOST_AHEAD, Opens
from segbench.measurement.workers.protocol import Task, Work
from segbench.measurement.workers.replies import TimingWorker
from segbench.progress import Progress
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

STEPS = 100  # of progress that a round is shown in

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


@dataclass(frozen=True)
class Rounds:
    """A run over several networks, which are the candidates of its pairs.

    Attributes:
        pairs: candidates that are compared with each other, or one alone. They are read anew for
            each round, so that those which are decided may be taken out between rounds.
        untrained: candidates that cannot be trained. They have no part in training, and one that
            they are compared with is trained alone.
        most: rounds, if it is not enough before.
        enough: told the number of finished rounds; whether to stop. Without it, all are measured.
        start_pools: starts what the workers of so many rounds come from, side by side, for that is
            quicker; nothing of it computes any more when it returns.
        sleep: waits so many seconds without computing.
        clock: reads seconds.
    """

    tasks: Sequence[Task]
    pairs: Sequence[Pair]
    most: int
    seed: int
    start_pools: Callable[[int], Sequence[Opens]]
    plan: tuple[Sampling, ...] = IN_TURNS
    untrained: frozenset[int] = frozenset()
    enough: Callable[[int], bool] | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def run(self, recordings: Sequence[Recording], progress: Progress) -> None:
        """Measure everything; what is finished stands in the recordings even if this is cut off."""
        rng = random.Random(self.seed)  # noqa: S311 - an order, not a secret
        waiting: list[Opens] = []
        start_s = 0.0
        try:
            for number in range(self.most):
                report = self._reporter(number, progress)
                report("starting", 0.0)
                if not waiting:
                    ahead = min(self.most - number, MOST_AHEAD)
                    started_s = self.clock()
                    waiting.extend(self.start_pools(ahead))
                    start_s = (self.clock() - started_s) / ahead
                began_s = self.clock() - start_s
                candidates = sorted({candidate for pair in self.pairs for candidate in pair})
                rng.shuffle(
                    candidates
                )  # so that to be the first to start and warm up is nobody's lot
                pool = waiting.pop(0)
                try:
                    opened = pool.open([self.tasks[candidate] for candidate in candidates])
                    workers = dict(zip(candidates, map(TimingWorker, opened), strict=True))
                    self._measure(workers, recordings, number, rng, report, began_s)
                finally:
                    pool.close()
                if self.enough is not None and self.enough(number + 1):
                    break
        finally:
            for pool in waiting:
                pool.close()
        progress("timed", self.most * STEPS, self.most * STEPS)

    def _pairs_of(self, work: Work) -> list[Pair]:
        """Return the pairs of a work, without the candidates that cannot do it."""
        if work == "inference" or not self.untrained:
            return list(self.pairs)
        trained = (
            tuple(candidate for candidate in pair if candidate not in self.untrained)
            for pair in self.pairs
        )
        return [pair for pair in dict.fromkeys(trained) if pair]

    def _reporter(self, number: int, progress: Progress) -> Callable[[str, float], None]:
        most = f" of {self.most}" if self.enough is None else ""

        def report(doing: str, part: float) -> None:
            done = round((number + part) * STEPS)
            progress(f"round {number + 1}{most}: {doing}", done, self.most * STEPS)

        return report

    def _measure(
        self,
        workers: Mapping[int, TimingWorker],
        recordings: Sequence[Recording],
        number: int,
        rng: random.Random,
        report: Callable[[str, float], None],
        began_s: float,
    ) -> None:
        """Measure one round."""
        timed_s = 0.0
        for position, sampling in enumerate(self.plan):
            work = sampling.work
            pairs = self._pairs_of(work)
            if not pairs:
                continue
            taking_part = {candidate for pair in pairs for candidate in pair}
            calls_s = {}
            for candidate, worker in workers.items():
                if candidate not in taking_part:
                    continue
                report(
                    f"warming up {self.tasks[candidate].label}, {work}", position / len(self.plan)
                )
                self.sleep(FALL_ASLEEP_S)
                warmed_up = worker.warm_up(work)
                recordings[candidate].add_warm_up(warmed_up, round_number=number)
                calls_s[candidate] = warmed_up["recent_s"]
            overhead_s = (self.clock() - began_s - timed_s) / len(pairs)
            cycles = [
                _plan_cycles(sampling, pair, calls_s, recordings, overhead_s) for pair in pairs
            ]
            turns = plan_turns(pairs, cycles, rng)
            turns_began_s = self.clock()
            before: Turn | None = None
            for done, turn in enumerate(turns):
                part = (position + done / len(turns)) / len(self.plan)
                report(f"timing {self.tasks[turn.candidate].label}, {work}", part)
                is_other = before is None or before.candidate != turn.candidate
                if is_other:
                    self.sleep(FALL_ASLEEP_S)
                block = workers[turn.candidate].block(
                    work,
                    sampling.block_s,
                    discard_first=is_other and settles(calls_s[turn.candidate]),
                )
                recordings[turn.candidate].add_block(block, round_number=number, cycle=turn.cycle)
                before = turn
            timed_s += self.clock() - turns_began_s
        for candidate, worker in workers.items():
            recordings[candidate].state = worker.state()


def _plan_cycles(
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
