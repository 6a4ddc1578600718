"""Devices of a training run: one, or several processes that share every batch.

With several devices Lightning Fabric starts the same command again for each further device. The
first process writes and prints. The others only compute, and end with it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np
import torch
from torch import nn

from segbench.errors import UsageError
from segbench.measurement.workers.child import end_with_parent

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from segbench.training.config import Job

PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}
Figure = TypeVar("Figure")
RANK = "LOCAL_RANK"  # of this machine's processes, for torch.distributed


def is_helper() -> bool:
    """Tell whether this process was started for a further device of a run.

    >>> is_helper()
    False
    """
    return os.environ.get(RANK, "0") != "0"


def become_quiet() -> None:
    """Print nothing from now on, and end with the parent process."""
    end_with_parent(os.getppid())
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def make_fabric(job: Job) -> Fabric:
    """Return a Fabric for the devices of a job, with their processes started.

    Raises:
        UsageError: there are not as many devices.
    """
    from lightning_fabric import Fabric  # noqa: PLC0415 - it takes a second

    if job.device == "cuda":
        found = torch.cuda.device_count()
        if found < job.devices:
            seen = f"{found} GPU{'s' * (found != 1)}" if found else "no GPU"
            raise UsageError(
                f"device 'cuda' was asked for with {job.devices}, but torch finds {seen} here; "
                "use --device cpu, or fewer --devices"
            )
    precision: Any = PRECISIONS[job.precision]
    strategy = "ddp" if job.devices > 1 else "auto"
    fabric = Fabric(
        accelerator=job.device, devices=job.devices, strategy=strategy, precision=precision
    )
    fabric.launch()
    return fabric


def over_devices(fabric: Fabric, found: Figure, *, by: Literal["sum", "mean"] = "sum") -> Figure:
    """Return the sum or the mean over the devices of a number, or of an array of counts."""
    if fabric.world_size == 1:
        return found
    mine = torch.as_tensor(found, device=fabric.device)
    if not isinstance(found, np.ndarray):
        mine = mine.double()
    whole = cast("torch.Tensor", fabric.all_reduce(mine, reduce_op=by)).cpu()
    return cast("Figure", whole.numpy() if isinstance(found, np.ndarray) else float(whole))


def share_buffers(fabric: Fabric, network: nn.Module) -> None:
    """Copy the first device's batch-norm statistics to the others, which gather their own."""
    if fabric.world_size > 1:
        for buffer in network.buffers():
            buffer.copy_(fabric.broadcast(buffer))
