"""By how much do two processes of one network differ, and what becomes of it without ASLR?

Question: blocks of one pair of processes agree within a per cent, pairs of processes do not. Is it
where the kernel and Python's hash seed place things in memory, and should it be held still?
Source: Mytkowicz et al., Producing Wrong Data Without Doing Anything Obviously Wrong, ASPLOS 2009;
Curtsinger and Berger, Stabilizer, ASPLOS 2013.
Cost: 48 rounds took five minutes on 2 cores of an AMD EPYC at an hour when SegFast took 57 ms.
Result: docs/method.md.

    python -m studies.process_offsets

SegFast is timed in turns with itself, under two names, in many rounds of fresh processes: as
segbench always does, forked from one process for each round; each started by itself; with the same
addresses in every process; and so with huge pages as well.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import math
import os
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from segbench.crews import start_crews
from segbench.pairs import paired_ratios
from segbench.recording import Recording
from segbench.rounds import IN_TURNS, Rounds
from segbench.settings import Settings
from segbench.statistics import ratio_interval, ratio_of, trimmed_mean

NAMES = ("zoo.segfast:segfast", "segfast")
FIXED_ADDRESSES = 0x0040000  # ADDR_NO_RANDOMIZE of personality(2)
AS_IT_IS = 0xFFFFFFFF


@dataclass(frozen=True)
class Condition:
    """What workers are started with."""

    words: str
    forks: bool = True
    fixed: bool = False
    variables: dict[str, str] = field(default_factory=dict)


CONDITIONS = (
    Condition("as segbench measures"),
    Condition("each started by itself", forks=False),
    Condition("the same addresses in all", fixed=True, variables={"PYTHONHASHSEED": "0"}),
    Condition(
        "and huge pages",
        fixed=True,
        variables={"PYTHONHASHSEED": "0", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
    ),
)


@contextlib.contextmanager
def started_with(condition: Condition) -> Iterator[None]:
    """Let processes that are started here begin with the condition, and restore what was."""
    personality = ctypes.CDLL(None).personality
    before, variables = personality(AS_IT_IS), dict(os.environ)
    os.environ.update(condition.variables)
    personality(before | FIXED_ADDRESSES if condition.fixed else before)
    try:
        yield
    finally:
        personality(before)
        os.environ.clear()
        os.environ.update(variables)


def measure(condition: Condition, *, rounds: int) -> list[list[float]]:
    """Return the ratios of paired blocks of SegFast and itself, by round of processes."""
    settings = Settings()
    tasks = [settings.task(name) for name in NAMES]
    recordings = [Recording() for _ in tasks]
    with started_with(condition):
        Rounds(
            tasks=tasks,
            contests=[(0, 1)],
            most=rounds,
            seed=settings.seed,
            start_crews=partial(start_crews, tasks, training=False, forks=condition.forks),
            plan=IN_TURNS[:1],
        ).run(recordings, lambda *_: None)
    first, second = (recording.latencies().forward for recording in recordings)
    return paired_ratios(first, second)


def describe(condition: Condition, ratios: list[list[float]]) -> str:
    """Return a row of the table."""
    rounds = [float(trimmed_mean(np.log(row))) for row in ratios]
    within = statistics.median(statistics.stdev(map(math.log, row)) for row in ratios if row[1:])
    low, high = ratio_interval(ratios) or (math.nan, math.nan)
    return (
        f"| {condition.words} | {len(ratios)} | {ratio_of(ratios):.3f} ({low:.3f}-{high:.3f}) "
        f"| {100 * statistics.stdev(rounds):.1f} % | {100 * within:.1f} % |"
    )


def main() -> None:
    """Measure under every condition and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=24, help="of fresh processes, for each")
    parser.add_argument("--turns", type=int, default=1, help="of all conditions")
    given = parser.parse_args()
    print("| processes | rounds | ratio to itself | between rounds | between blocks of a round |")  # noqa: T201
    print("| :-- | --: | --: | --: | --: |")  # noqa: T201
    for condition in CONDITIONS * given.turns:
        print(describe(condition, measure(condition, rounds=given.rounds)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
