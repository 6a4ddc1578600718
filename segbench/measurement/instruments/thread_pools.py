"""The thread pools of this process: set once, and read back from where they really are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psutil
import threadpoolctl
import torch

if TYPE_CHECKING:
    from segbench.measurement.workers.replies import ThreadsReply


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
