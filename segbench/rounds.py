"""The order of measuring: rounds of fresh processes, and in each round the networks in turns."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from segbench.protocol import Task, Work
from segbench.recording import Recording

# The OpenMP threads of the worker that has just computed keep spinning for some milliseconds in
# case more work comes. They are given the time to fall asleep before another worker computes.
FALL_ASLEEP_S = 0.02

MOST_AHEAD = 3  # rounds

Progress = Callable[[str, int, int], None]


class Answers(Protocol):
    """A worker, as far as a round needs it."""

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask, and wait for the reply."""
        ...


@dataclass(frozen=True)
class Blocks:
    """How one kind of work is sampled in each round: so many blocks of about so many seconds."""

    work: Work
    cycles: int
    seconds: float


# Four blocks are two mirrored orders. A training step is three phases of which each gets a share
# of the block, so that its blocks are longer, and fewer for they cost most of the time.
DEFAULT_BLOCKS = (Blocks("inference", 4, 0.3), Blocks("training", 2, 0.5))


def mirrored_orders(arms: int, cycles: int, rng: random.Random) -> Iterator[list[int]]:
    """Yield an order of the arms for each cycle: a random one, then the same backwards.

    A drift that is steady over two cycles so falls on all arms alike (A B B A).

    >>> first, second = mirrored_orders(3, 2, random.Random(0))
    >>> sorted(first), second == first[::-1]
    ([0, 1, 2], True)
    """
    order: list[int] = []
    for cycle in range(cycles):
        if cycle % 2:
            order.reverse()
        else:
            order = list(range(arms))
            rng.shuffle(order)
        yield list(order)


@dataclass(frozen=True)
class Turn:
    """One request to one worker: to warm up (no cycle), or to time a block."""

    arm: int
    blocks: Blocks
    cycle: int | None


def turns(arms: int, plan: Sequence[Blocks], rng: random.Random) -> Iterator[Turn]:
    """Yield the turns of one round: for each kind of work all warm-ups, then the cycles."""
    for blocks in plan:
        for arm in range(arms):
            yield Turn(arm, blocks, None)
        for cycle, order in enumerate(mirrored_orders(arms, blocks.cycles, rng)):
            for arm in order:
                yield Turn(arm, blocks, cycle)


@dataclass(frozen=True)
class Rounds:
    """A run over several networks.

    Attributes:
        open_workers: starts a fresh worker for every task, all open when it returns.
        close_workers: ends them.
        sleep: waits so many seconds without computing.
        ahead: start the workers of several rounds side by side, which is quicker and takes the
            memory of all of them. Those whose round has not come have not computed yet.
    """

    tasks: Sequence[Task]
    count: int
    seed: int
    open_workers: Callable[[list[Task]], Sequence[Answers]]
    close_workers: Callable[[Any], None]
    plan: tuple[Blocks, ...] = DEFAULT_BLOCKS
    sleep: Callable[[float], None] = time.sleep
    ahead: bool = False

    def run(self, recordings: Sequence[Recording], progress: Progress) -> None:
        """Measure everything; what is finished stands in the recordings even if this is cut off."""
        rng = random.Random(self.seed)  # noqa: S311 - an order, not a secret
        arms = len(self.tasks)
        total = self.count * arms * sum(blocks.cycles + 1 for blocks in self.plan)
        done = 0
        waiting: list[Answers] = []
        for number in range(self.count):
            heading = f"round {number + 1} of {self.count}"
            progress(f"{heading}: starting", done, total)
            if not waiting:
                rounds = min(self.count - number, MOST_AHEAD) if self.ahead else 1
                waiting = list(self.open_workers(list(self.tasks) * rounds))
            workers, waiting = waiting[:arms], waiting[arms:]
            try:
                for turn in turns(arms, self.plan, rng):
                    doing = "warming up" if turn.cycle is None else "timing"
                    name = self.tasks[turn.arm].name
                    progress(f"{heading}: {doing} {name}, {turn.blocks.work}", done, total)
                    _take(turn, workers[turn.arm], recordings[turn.arm], number)
                    self.sleep(FALL_ASLEEP_S)
                    done += 1
                for worker, recording in zip(workers, recordings, strict=True):
                    recording.state = worker.ask("state")
            except BaseException:
                self.close_workers(waiting)
                raise
            finally:
                self.close_workers(workers)
        progress("timed", total, total)


def _take(turn: Turn, worker: Answers, recording: Recording, number: int) -> None:
    work = turn.blocks.work
    if turn.cycle is None:
        recording.add_warm_up(worker.ask("warm_up", work=work), round_number=number)
    else:
        reply = worker.ask("block", work=work, seconds=turn.blocks.seconds)
        recording.add_block(reply, round_number=number, cycle=turn.cycle)
