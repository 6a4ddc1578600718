"""The thread pools of this process: set once, and read back from where they really are."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import threadpoolctl
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segbench.measurement.workers.replies import ThreadsReply


COMPUTING_SHARE = 0.05  # of the CPU time of the busiest thread
THREADS = Path("/proc/self/task")
_THREAD_CLOCK = 6  # CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED of Linux


def set_threads(count: int) -> None:
    """Give torch so many threads within an operator, and one across operators.

    The environment of the worker already says so to every pool that reads it; this is for builds
    whose pool does not. It must run before anything computes.
    """
    torch.set_num_threads(count)
    if torch.get_num_interop_threads() != 1:  # torch refuses a second setting
        torch.set_num_interop_threads(1)


def read_threads() -> ThreadsReply:
    """Return the sizes of torch's pools, and the threads that the kernel counts."""
    return {
        "intra_op": torch.get_num_threads(),
        "inter_op": torch.get_num_interop_threads(),
        "os_threads": count_os_threads(),
    }


def read_cpu_ns() -> dict[int, int]:
    """Return the CPU time of each thread of this process in nanoseconds, by the kernel's id of it.

    It makes no matter whose a thread is: torch's, an engine's, or the network's own. It is empty
    where the kernel does not tell.
    """
    found = {}
    with contextlib.suppress(OSError):
        for thread in THREADS.iterdir():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                # The clock of a thread, as pthread_getcpuclockid makes it. What schedstat in the
                # same folder says is up to a tick old.
                number = int(thread.name)
                found[number] = time.clock_gettime_ns((~number << 3) | _THREAD_CLOCK)
    return found


def count_computing(before: Mapping[int, int], after: Mapping[int, int]) -> int | None:
    """Return how many threads took CPU time that matters, a twentieth of the busiest one's or more.

    A thread that spins while it waits computes too, as far as others can tell.

    Args:
        before: what :func:`read_cpu_ns` returned.
        after: what it returned later.

    Returns:
        None where nothing is known.

    >>> count_computing({1: 0, 2: 50}, {1: 1000, 2: 60, 3: 50})
    2
    """
    used = [taken - before.get(thread, 0) for thread, taken in after.items()]
    if max(used, default=0) <= 0:
        return None
    return sum(taken >= COMPUTING_SHARE * max(used) for taken in used)


def count_os_threads() -> int | None:
    """Return the threads of this process by the kernel's count; None where it does not tell."""
    try:
        return psutil.Process().num_threads()
    except psutil.Error:
        return None


def read_pools() -> list[dict[str, Any]]:
    """Return every native pool in the process: library, version, threads."""
    return [
        {
            "api": pool["user_api"],
            "library": pool["internal_api"],
            "version": pool.get("version"),
            "threads": pool["num_threads"],
        }
        for pool in threadpoolctl.threadpool_info()
    ]
