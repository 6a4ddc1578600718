"""By how much do two processes of one network differ, and what becomes of it without ASLR?

Question: blocks of one pair of processes agree within a per cent, pairs of processes do not. Is it
where the kernel and Python's hash seed place things in memory, and should it be held still?
Source: Mytkowicz et al., Producing Wrong Data Without Doing Anything Obviously Wrong, ASPLOS 2009;
Curtsinger and Berger, Stabilizer, ASPLOS 2013.
Cost: 48 rounds took five minutes on 2 cores of an AMD EPYC at an hour when SegFast took 57 ms.
Result: processes differ by about 2 %, whatever is averaged within them. The same addresses in all
make the offsets somewhat smaller, and do not remove them. Forking the workers of a round from one
process that has imported torch makes rounds differ no more than starting each by itself.

    python -m studies.process_offsets
    python -m studies.process_offsets --rounds 12 --turns 2

SegFast is timed in turns with itself, under two names, in many rounds of fresh processes: as
segbench always does, forked from one process for each round; each started by itself; with the same
addresses in every process; and so with huge pages as well.

24 rounds a line, on 2 cores of an AMD EPYC (torch 2.13.0, Debian 12, 2026-11-24):

| processes | rounds | ratio to itself | between rounds | between blocks of a round |
| :-- | --: | --: | --: | --: |
| each started by itself | 24 | 1.005 (0.994-1.015) | 2.4 % | 2.0 % |
| the same addresses in all | 24 | 1.004 (0.996-1.013) | 1.8 % | 2.4 % |
| and huge pages | 24 | 0.999 (0.988-1.009) | 1.5 % | 1.9 % |

The first two kinds of process, twice, by the second command, at an hour when the host was busy and
SegFast took 57 ms (2026-11-28):

| processes | rounds | ratio to itself | between rounds | between blocks of a round |
| :-- | --: | --: | --: | --: |
| as segbench measures | 12 | 0.993 (0.973-1.015) | 3.6 % | 6.9 % |
| each started by itself | 12 | 0.995 (0.956-1.035) | 6.2 % | 7.3 % |
| as segbench measures | 12 | 1.010 (0.985-1.035) | 3.5 % | 8.6 % |
| each started by itself | 12 | 0.954 (0.919-0.989) | 6.8 % | 5.8 % |

A round cost about a second and a half for starting two workers by themselves and warming them up.
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

from segbench.measurement.recording import Recording
from segbench.measurement.rounds import Rounds
from segbench.measurement.schedule import IN_TURNS
from segbench.measurement.settings import Settings
from segbench.measurement.workers.pool import start_pools
from segbench.results.samples import paired_ratios
from segbench.results.statistics import ratio_interval, ratio_of, trimmed_mean

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
            pairs=[(0, 1)],
            most=rounds,
            seed=settings.workload.seed,
            start_pools=partial(start_pools, tasks, training=False, forks=condition.forks),
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
