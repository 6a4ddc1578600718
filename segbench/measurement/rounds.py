"""Rounds of fresh processes, in each of which pairs of networks are measured in turns."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, TypeVar

from segbench.errors import SegbenchError
from segbench.measurement.recording import Recording
from segbench.measurement.schedule import (
    FALL_ASLEEP_S,
    IN_TURNS,
    Pair,
    Sampling,
    Turn,
    plan_cycles,
    plan_turns,
    settles,
)
from segbench.measurement.workers.pool import MOST_AHEAD, Opens
from segbench.measurement.workers.protocol import Task, Work
from segbench.measurement.workers.replies import TimingWorker
from segbench.progress import Progress

STEPS = 100  # of progress that a round is shown in

T = TypeVar("T")
Fails = Callable[[int, str, SegbenchError], None]


def end_the_run(candidate: int, stage: str, error: SegbenchError) -> NoReturn:
    """Raise the error of a candidate, without which nothing is worth measuring."""
    del candidate, stage
    raise error


@dataclass(frozen=True)
class Rounds:
    """A run over several networks, which are the candidates of its pairs.

    Attributes:
        pairs: candidates that are compared with each other, or one alone. They are read anew for
            each round, so that those which are decided may be taken out between rounds.
        fails: told of a candidate whose worker failed, of what it was asked for, and of the error.
            It raises where the run cannot go on without the candidate, else takes its pairs out.
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
    fails: Fails = end_the_run
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
                one = Round(self, number, recordings, rng, self._reporter(number, progress))
                one.report("starting", 0.0)
                if not waiting:
                    ahead = min(self.most - number, MOST_AHEAD)
                    started_s = self.clock()
                    waiting.extend(self.start_pools(ahead))
                    start_s = (self.clock() - started_s) / ahead
                one.measure(waiting.pop(0), began_s=self.clock() - start_s)
                if self.enough is not None and self.enough(number + 1):
                    break
        finally:
            for pool in waiting:
                pool.close()
        progress("timed", self.most * STEPS, self.most * STEPS)

    def pairs_of(self, work: Work) -> list[Pair]:
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


class Round:
    """One of the rounds, which has a worker of its own for each candidate.

    Args:
        report: shows what is being done, and the part of the round that is behind it.
    """

    def __init__(
        self,
        rounds: Rounds,
        number: int,
        recordings: Sequence[Recording],
        rng: random.Random,
        report: Callable[[str, float], None],
    ) -> None:
        self._rounds, self._number, self._recordings = rounds, number, recordings
        self._rng = rng
        self.report = report
        self._workers: dict[int, TimingWorker] = {}  # of candidates that have not failed

    def measure(self, pool: Opens, *, began_s: float) -> None:
        """Measure the pairs by workers of a pool, which is closed."""
        candidates = sorted({candidate for pair in self._rounds.pairs for candidate in pair})
        self._rng.shuffle(candidates)  # so that to be the first to start is nobody's lot
        try:
            opened = pool.try_open([self._rounds.tasks[candidate] for candidate in candidates])
            for candidate, worker in zip(candidates, opened, strict=True):
                if isinstance(worker, SegbenchError):
                    self._fails(candidate, "start", worker)
                else:
                    self._workers[candidate] = TimingWorker(worker)
            self._do_works(began_s)
            for candidate in candidates:
                state = self._ask(candidate, "timing", TimingWorker.state)
                if state is not None:
                    self._recordings[candidate].state = state
        finally:
            pool.close()

    def _do_works(self, began_s: float) -> None:
        """Warm up for each work of the plan, and time it."""
        rounds, timed_s = self._rounds, 0.0
        for position, sampling in enumerate(rounds.plan):

            def show(doing: str, part: float = 0.0, position: int = position) -> None:
                self.report(doing, (position + part) / len(rounds.plan))

            pairs = rounds.pairs_of(sampling.work)
            calls_s = self._warm_up(pairs, sampling.work, show)
            pairs = [pair for pair in pairs if calls_s.keys() >= set(pair)]
            if not pairs:
                continue
            overhead_s = (rounds.clock() - began_s - timed_s) / len(pairs)
            cycles = [
                plan_cycles(sampling, pair, calls_s, self._recordings, overhead_s) for pair in pairs
            ]
            turns = plan_turns(pairs, cycles, self._rng)
            turns_began_s = rounds.clock()
            self._take_turns(turns, sampling, calls_s, show)
            timed_s += rounds.clock() - turns_began_s

    def _warm_up(
        self, pairs: Sequence[Pair], work: Work, show: Callable[[str], None]
    ) -> dict[int, float]:
        """Warm up the candidates of pairs; return the seconds of a call of each that can."""
        taking_part = {candidate for pair in pairs for candidate in pair}
        calls_s = {}
        for candidate in [each for each in self._workers if each in taking_part]:
            show(f"warming up {self._rounds.tasks[candidate].label}, {work}")
            self._rounds.sleep(FALL_ASLEEP_S)
            reply = self._ask(candidate, "warm-up", lambda worker: worker.warm_up(work))
            if reply is not None:
                self._recordings[candidate].add_warm_up(reply, round_number=self._number)
                calls_s[candidate] = reply["recent_s"]
        return calls_s

    def _take_turns(
        self,
        turns: Sequence[Turn],
        sampling: Sampling,
        calls_s: Mapping[int, float],
        show: Callable[[str, float], None],
    ) -> None:
        """Time blocks; cycles of a candidate that fails are left out from there."""
        left_out: set[int] = set()
        before: int | None = None
        for done, turn in enumerate(turns):
            candidate = turn.candidate
            if turn.cycle in left_out:
                continue
            label = self._rounds.tasks[candidate].label
            show(f"timing {label}, {sampling.work}", done / len(turns))
            is_other = before != candidate
            if is_other:
                self._rounds.sleep(FALL_ASLEEP_S)
            ask = partial(
                TimingWorker.block,
                work=sampling.work,
                seconds=sampling.block_s,
                discard_first=is_other and settles(calls_s[candidate]),
            )
            block = self._ask(candidate, "timing", ask)
            before = candidate
            if block is None:
                left_out |= {each.cycle for each in turns if each.candidate == candidate}
            else:
                self._recordings[candidate].add_block(
                    block, round_number=self._number, cycle=turn.cycle
                )

    def _ask(self, candidate: int, stage: str, ask: Callable[[TimingWorker], T]) -> T | None:
        """Ask a worker; None where the candidate has failed, by now or before."""
        if candidate not in self._workers:
            return None
        try:
            return ask(self._workers[candidate])
        except SegbenchError as error:
            del self._workers[candidate]
            self._fails(candidate, stage, error)
            return None

    def _fails(self, candidate: int, stage: str, error: SegbenchError) -> None:
        self._rounds.fails(candidate, f"in the {stage} of round {self._number + 1}", error)
