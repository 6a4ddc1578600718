"""The order of measuring: rounds of fresh processes, and in each round contests of two networks."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from segbench.pairs import deviation_within_rounds, paired_ratios
from segbench.protocol import Task, Work
from segbench.recording import Recording
from segbench.results import Phase

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
LONGEST = 5.0  # contests, in those of a quiet machine
# What is looked at to see how far the blocks of a work differ.
SHOWN_BY: dict[Work, Phase] = {"inference": "forward", "training": "backward"}

MOST_AHEAD = 3  # rounds
STEPS = 100  # of progress that a round is shown in

Progress = Callable[[str, int, int], None]
Contest = tuple[int, ...]


class Answers(Protocol):
    """A worker, as far as a round needs it."""

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask, and wait for the reply."""
        ...


class Opens(Protocol):
    """What a round's workers come from, as far as it needs that (:class:`segbench.crews.Crew`)."""

    def open(self, tasks: Sequence[Task]) -> Sequence[Answers]:
        """Return a fresh worker for each task, all of them open."""
        ...

    def close(self) -> None:
        """End them."""
        ...


@dataclass(frozen=True)
class Sampling:
    """How one kind of work is sampled in each round.

    Attributes:
        block_s: seconds of a block of calls.
        contest_s: seconds for each contest, as near as whole cycles come, while blocks differ no
            more than those of a quiet machine.
        least: cycles of a contest at least, and
        most: at most.
    """

    work: Work
    block_s: float
    contest_s: float
    least: int
    most: int


# A network by itself: longer blocks, for nothing is held against a neighbour in time. A training
# step is three phases of which each gets a share of the block.
ALONE = (
    Sampling("inference", 0.3, 1.2, least=4, most=4),
    Sampling("training", 0.5, 1.0, least=2, most=2),
)
# Two networks: blocks as short as they can be, and many. The speed of a shared machine jumps by a
# third from one half second to the next, and what lies closer together is held against each other
# more fairly. A round is short, for processes of one network differ by more than its blocks do
# (docs/method.md): only more rounds make that less.
IN_TURNS = (
    Sampling("inference", 0.03, 1.0, least=1, most=20),
    Sampling("training", 0.1, 1.5, least=1, most=10),
)


def mirrored(contest: Contest, rng: random.Random) -> tuple[int, ...]:
    """Return the order of one cycle: A B B A or B A A B; a network alone has one block.

    A drift that is steady over the four blocks falls on both alike.

    >>> mirrored((0, 1), random.Random(0)), mirrored((3,), random.Random(0))
    ((1, 0, 0, 1), (3,))
    """
    if len(contest) == 1:
        return contest
    first, second = rng.sample(contest, 2)
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


def count_cycles(sampling: Sampling, cycle_s: float, contest_s: float) -> int:
    """Return how many cycles fill a contest.

    >>> count_cycles(IN_TURNS[0], 0.3, 1.0)
    3
    >>> count_cycles(IN_TURNS[0], 1.7, 1.0)  # one at least
    1
    """
    return max(sampling.least, min(sampling.most, round(contest_s / cycle_s)))


def contest_seconds(
    sampling: Sampling, *, cycle_s: float, overhead_s: float, deviation: float | None
) -> float:
    """Return how long a contest should be for the mean over rounds to be sharpest.

    Each round costs its overhead, and what its processes are like stays with it; so on a quiet
    machine contests are short and rounds many. Where the cycles of a round differ by far more than
    rounds do, it is the cycles there are too few of. With rounds of n cycles c long, an overhead o,
    and the variances w within and b between rounds, a given time has the least variance at
    n = sqrt(o w / (c b)).

    Args:
        overhead_s: what a round costs without its cycles, for each of its contests.
        deviation: of the logarithm of a cycle's ratio within a round, if it is known.

    >>> contest_seconds(IN_TURNS[0], cycle_s=0.2, overhead_s=1.0, deviation=0.02)
    1.0
    >>> round(contest_seconds(IN_TURNS[0], cycle_s=0.4, overhead_s=2.5, deviation=0.09), 2)
    3.75
    """
    if deviation is None:
        return sampling.contest_s
    best_s = math.sqrt(overhead_s * cycle_s) * deviation / PROCESS_DEVIATION
    return min(max(best_s, sampling.contest_s), LONGEST * sampling.contest_s)


def settles(call_s: float) -> bool:
    """Tell whether calls of so many seconds are preceded by one that is no sample."""
    return call_s < SETTLING_LIMIT_S


@dataclass(frozen=True)
class Turn:
    """A block that one arm is asked for; blocks with one cycle's number are held together."""

    arm: int
    cycle: int


def plan_turns(
    contests: Sequence[Contest], cycles: Sequence[int], rng: random.Random
) -> list[Turn]:
    """Return the turns of one round: all cycles of all contests, in random order.

    >>> [turn.arm for turn in plan_turns([(0, 1)], [1], random.Random(0))]
    [1, 0, 0, 1]
    """
    order = [contest for contest, count in zip(contests, cycles, strict=True) for _ in range(count)]
    rng.shuffle(order)
    return [
        Turn(arm, number) for number, contest in enumerate(order) for arm in mirrored(contest, rng)
    ]


@dataclass(frozen=True)
class Rounds:
    """A run over several networks, which are the arms of its contests.

    Attributes:
        contests: pairs of arms that are held against each other, or arms alone; read anew for each
            round, so that those which are decided may be taken out between them.
        most: rounds, if it is not enough before.
        enough: told the number of finished rounds; whether to stop. Without it, all are measured.
        start_crews: starts what the workers of so many rounds come from, side by side, for that is
            quicker; nothing of it computes any more when it returns.
        sleep: waits so many seconds without computing.
        clock: reads seconds.
    """

    tasks: Sequence[Task]
    contests: Sequence[Contest]
    most: int
    seed: int
    start_crews: Callable[[int], Sequence[Opens]]
    plan: tuple[Sampling, ...] = IN_TURNS
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
                    waiting.extend(self.start_crews(ahead))
                    start_s = (self.clock() - started_s) / ahead
                began_s = self.clock() - start_s
                arms = sorted({arm for contest in self.contests for arm in contest})
                rng.shuffle(arms)  # so that to be the first to start and warm up is nobody's lot
                crew = waiting.pop(0)
                try:
                    opened = crew.open([self.tasks[arm] for arm in arms])
                    workers = dict(zip(arms, opened, strict=True))
                    self._measure(workers, recordings, number, rng, report, began_s)
                finally:
                    crew.close()
                if self.enough is not None and self.enough(number + 1):
                    break
        finally:
            for crew in waiting:
                crew.close()
        progress("timed", self.most * STEPS, self.most * STEPS)

    def _reporter(self, number: int, progress: Progress) -> Callable[[str, float], None]:
        most = f" of {self.most}" if self.enough is None else ""

        def report(doing: str, part: float) -> None:
            done = round((number + part) * STEPS)
            progress(f"round {number + 1}{most}: {doing}", done, self.most * STEPS)

        return report

    def _measure(
        self,
        workers: Mapping[int, Answers],
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
            calls_s = {}
            for arm, worker in workers.items():
                report(f"warming up {self.tasks[arm].name}, {work}", position / len(self.plan))
                self.sleep(FALL_ASLEEP_S)
                reply = worker.ask("warm_up", work=work)
                recordings[arm].add_warm_up(reply, round_number=number)
                calls_s[arm] = reply["recent_s"]
            overhead_s = (self.clock() - began_s - timed_s) / len(self.contests)
            cycles = [
                _plan_cycles(sampling, contest, calls_s, recordings, overhead_s)
                for contest in self.contests
            ]
            turns = plan_turns(self.contests, cycles, rng)
            turns_began_s = self.clock()
            before: Turn | None = None
            for done, turn in enumerate(turns):
                part = (position + done / len(turns)) / len(self.plan)
                report(f"timing {self.tasks[turn.arm].name}, {work}", part)
                is_other = before is None or before.arm != turn.arm
                if is_other:
                    self.sleep(FALL_ASLEEP_S)
                reply = workers[turn.arm].ask(
                    "block",
                    work=work,
                    seconds=sampling.block_s,
                    settle=is_other and settles(calls_s[turn.arm]),
                )
                recordings[turn.arm].add_block(reply, round_number=number, cycle=turn.cycle)
                before = turn
            timed_s += self.clock() - turns_began_s
        for arm, worker in workers.items():
            recordings[arm].state = worker.ask("state")


def _plan_cycles(
    sampling: Sampling,
    contest: Contest,
    calls_s: Mapping[int, float],
    recordings: Sequence[Recording],
    overhead_s: float,
) -> int:
    """Return the cycles of a contest in a round, from how those of earlier rounds differed."""
    cycle_s = cycle_seconds(sampling, [calls_s[arm] for arm in contest])
    deviation = None
    if len(contest) > 1:
        phase = SHOWN_BY[sampling.work]
        above, below = (recordings[arm].phases[phase] for arm in contest)
        deviation = deviation_within_rounds(paired_ratios(above, below))
    contest_s = contest_seconds(
        sampling, cycle_s=cycle_s, overhead_s=overhead_s, deviation=deviation
    )
    return count_cycles(sampling, cycle_s, contest_s)
