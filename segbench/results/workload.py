"""Workloads: what a network is given to do, and in what kind of process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segbench.quantities import Count, Number

Allocator = Literal["steady", "system"]
Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Threads:
    """The threads asked for, and those that the worker was seen to have.

    Attributes:
        intra_op: threads of torch within an operator; None before a worker told.
        inter_op: threads of torch across operators.
        os_threads: threads of the worker process by the kernel's count, after warm-up.
        computing: threads that take CPU time in an inference, by the kernel's count; None where it
            was not counted.
    """

    requested: Number
    effective_cpus: Number
    oversubscribed: bool
    intra_op: Count | None
    inter_op: Count | None
    os_threads: Count | None = None
    computing: Count | None = None


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A workload as it is asked for, whichever the network: settings, tasks and results share it.

    A field here is an option of every command that measures, a key of budget files, and a column of
    reports.

    Attributes:
        classes: None where the network says how many.
        input: ``noise``, or the name and SHA-256 of the picture that was read.
        logits: the part of the output that holds the logits, where it was named.
        enlarge: whether logits of a lower resolution are enlarged to the input's size.
    """

    batch: Number
    channels: Number
    height: Number
    width: Number
    classes: Number | None
    device: Device
    allocator: Allocator
    input: str = "noise"
    seed: int = 0
    logits: str | None = None
    enlarge: bool = True

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The input as (batch, channels, height, width)."""
        return self.batch, self.channels, self.height, self.width

    @property
    def size(self) -> tuple[int, int]:
        """The input's height and width in pixels."""
        return self.height, self.width


DEFAULT = Workload(
    batch=1, channels=3, height=224, width=224, classes=None, device="cpu", allocator="steady"
)


@dataclass(frozen=True, kw_only=True)
class MeasuredWorkload(Workload):
    """A workload as one network had it.

    Attributes:
        classes: channels of the logits.
        dtype: what was computed with, by torch's name.
        runtime: what executed the inference.
        runtime_version: of the engine; None for eager, whose version is the environment's.
    """

    classes: Number
    dtype: str
    runtime: str
    threads: Threads
    runtime_version: str | None = None
