"""The instrument that says how torch is built, and how large every thread pool is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from segbench.measurement.instruments.thread_pools import read_pools, read_threads, set_threads

if TYPE_CHECKING:
    from segbench.measurement.workers.protocol import Task


class ThreadsInstrument:
    """Reads the pools after a first parallel operation has started them."""

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        torch.mm(torch.ones(512, 512), torch.ones(512, 512)).add_(1)  # starts the pools

    def read(self) -> dict[str, Any]:
        """Return torch's build and the pools of this process."""
        return {
            "torch": torch.__version__,
            "capability": torch.backends.cpu.get_cpu_capability(),
            "onednn": bool(torch.backends.mkldnn.is_available()),
            "mkl": bool(torch.backends.mkl.is_available()),
            "openmp": bool(torch.backends.openmp.is_available()),
            "cuda": torch.version.cuda if torch.cuda.is_available() else None,
            "threads": read_threads(),
            "pools": read_pools(),
        }
