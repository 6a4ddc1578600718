"""Time single calls, on the CPU by the wall clock and on a GPU by its events."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch


# A page fault takes one to two microseconds (a VGG-16 forward pass of 1.05 s with 188,000 of them
# took 0.72 s without). They matter from one part in a hundred of a call.
FAULT_S = 2e-6
FAULT_SHARE = 0.01


@dataclass(frozen=True)
class Reading:
    """One call: its duration, and the page faults that the process took meanwhile."""

    seconds: float
    minor_faults: int

    @property
    def is_faulting(self) -> bool:
        """Whether its page faults took a part of its time that matters.

        >>> Reading(0.1, 400).is_faulting, Reading(0.1, 600).is_faulting
        (False, True)
        """
        return self.minor_faults * FAULT_S > FAULT_SHARE * self.seconds


class Stopwatch(Protocol):
    """Times one call."""

    def time(self, call: Callable[[], Any]) -> tuple[Reading, Any]:
        """Run the call; return what it took and what it returned."""
        ...


class WallClock:
    """The wall clock, for work that is done when the call returns.

    >>> reading, answer = WallClock().time(lambda: 6 * 7)
    >>> answer, reading.seconds > 0
    (42, True)
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock

    def time(self, call: Callable[[], Any]) -> tuple[Reading, Any]:
        """Run the call between two readings of the clock and of the fault counter."""
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        start = self._clock()
        returned = call()
        elapsed = self._clock() - start
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        return Reading(elapsed, faults), returned


class DeviceClock:
    """Events on the GPU's own stream, which see neither launch overlap nor host jitter."""

    def __init__(self, device: torch.device) -> None:
        import torch  # noqa: PLC0415 - the wall clock serves processes without torch

        self._cuda: Any = torch.cuda  # untyped in torch itself
        self._device = device

    def time(self, call: Callable[[], Any]) -> tuple[Reading, Any]:
        """Run the call between two events, and wait for the second."""
        self._cuda.synchronize(self._device)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        start, end = (self._cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        returned = call()
        end.record()
        end.synchronize()
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        return Reading(start.elapsed_time(end) / 1e3, faults), returned
