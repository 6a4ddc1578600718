"""When do a runtime's threads sleep after a call, so that another worker has the CPUs?

Question: the CPU time that a worker uses in the pause after its last inference. `compare` waits for
12 ms (`FALL_ASLEEP_S`) before another worker is timed; what spins longer takes that one's time.
Source: segfast at 224x224 in every runtime that is installed, each in a process of its own with the
environment of a timing worker. The clock is the process's, which counts all of its threads.
Cost: under a minute a runtime, most of it importing and preparing; `compile` takes the longest.
Result: ONNX Runtime and OpenVINO use 0.07 and 0.06 ms of CPU time in the first millisecond after a
call, and 0.2 ms in the 50 that follow: their threads sleep at once. Eager's OpenMP threads spin:
they used 1.5 ms in the first, 2.2 in those from 8 to 12, and 0.8 in those from 12 to 50. When they
sleep cannot be told from that, for this machine (2 cores of an AMD EPYC, torch 2.13.0) was so busy
with other work that a thread which spins got a processor only now and then.

    python -m studies.spinning --threads 2
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segbench.measurement.workers.protocol import Task

BORDERS_MS = (0.0, 1.0, 4.0, 8.0, 12.0, 50.0)  # of the windows after a call
CALLS_BEFORE = 3


def cpu_ms_after(call: Callable[[], object], borders_ms: Sequence[float]) -> list[float]:
    """Return the milliseconds of CPU time that this process uses in each window after a call.

    The thread that asks sleeps until the window is over.
    """
    for _ in range(CALLS_BEFORE):
        call()
    began = time.perf_counter()
    read = [time.process_time_ns()]
    for border in borders_ms[1:]:
        time.sleep(max(0.0, began + border / 1e3 - time.perf_counter()))
        read.append(time.process_time_ns())
    return [(after - before) / 1e6 for before, after in pairwise(read)]


def measure(task: Task, pauses: int) -> list[list[float]]:
    """Return the CPU time in the windows of so many pauses, in this process."""
    from segbench.measurement.instruments.model_under_test import ModelUnderTest
    from segbench.measurement.instruments.thread_pools import set_threads

    set_threads(task.threads)
    tested = ModelUnderTest(task)
    tested.find_logits()
    tested.prepare()
    tested.infer()
    return [cpu_ms_after(tested.forward, BORDERS_MS) for _ in range(pauses)]


def make_task(model: str, runtime: str, threads: int) -> Task:
    """Return the task of a candidate in the default workload."""
    from segbench.measurement.workers.protocol import Task
    from segbench.results.candidate import Candidate

    return Task(Candidate.parse(f"{model}@{runtime}"), threads=threads)


def main() -> None:
    """Print a row for each runtime: the median over pauses in each window."""
    from segbench.measurement.workers.supervisor import worker_environment
    from segbench.runtimes import RUNTIMES, missing_packages

    installed = [name for name, row in RUNTIMES.items() if not missing_packages(row)]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="segfast")
    parser.add_argument("--runtimes", nargs="+", default=installed)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pauses", type=int, default=20)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        task = make_task(given.model, given.runtimes[0], given.threads)
        print(json.dumps(measure(task, given.pauses)))  # noqa: T201
        return
    windows = [f"{low:g}-{high:g}" for low, high in pairwise(BORDERS_MS)]
    print("CPU ms in ms after a call   " + "".join(f"{each:>9}" for each in windows))  # noqa: T201
    for runtime in given.runtimes:
        task = make_task(given.model, runtime, given.threads)
        options = ["--model", given.model, "--runtimes", runtime, "--inside"]
        options += ["--threads", str(given.threads), "--pauses", str(given.pauses)]
        done = subprocess.run(
            [sys.executable, "-m", "studies.spinning", *options],
            env=worker_environment(task, "timing", os.environ),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        rows = json.loads(done.stdout.splitlines()[-1])
        medians = [statistics.median(column) for column in zip(*rows, strict=True)]
        print(f"{runtime:28}" + "".join(f"{each:9.2f}" for each in medians))  # noqa: T201


if __name__ == "__main__":
    main()
