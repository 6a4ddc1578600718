"""The instrument that times inference and training steps, a block of calls at a time."""

from __future__ import annotations

import gc
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from segbench.measurement.host.disturbance import between, take_snapshot
from segbench.measurement.host.memory import grow_heap, peak_bytes, resident_bytes
from segbench.measurement.instruments.clock import DeviceClock, Reading, Stopwatch, WallClock
from segbench.measurement.instruments.graph_under_test import network_under_test
from segbench.measurement.instruments.thread_pools import (
    count_computing,
    read_cpu_ns,
    read_threads,
    set_threads,
)
from segbench.measurement.instruments.warmup import WarmUp, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from segbench.measurement.workers.protocol import Task, Work
    from segbench.measurement.workers.replies import BlockReply, StateReply, WarmUpReply

PHASES_OF: dict[Work, tuple[str, ...]] = {
    "inference": ("forward",),
    "training": ("forward_train", "backward", "optimizer"),
}
LEAST_SLACK_BYTES = 64 << 20
SLACK_PART = 4  # of the resident memory
MOST_CALLS = 500  # in a block; more tell nothing new and swell the result


class TimingInstrument:
    """One network in one process, warmed up once per kind of work and timed in blocks."""

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        self._task = task
        self._under_test = network_under_test(task)
        self._clock: Stopwatch = (
            DeviceClock(self._under_test.device) if task.workload.device == "cuda" else WallClock()
        )
        self._recent_s: dict[Work, float] = {}
        self._computing: int | None = None

    @staticmethod
    def preload(work: Work) -> dict[str, Any]:
        """Import what the work needs, now, before anything is timed."""
        if work == "training":
            # The first optimizer of a process imports a second's worth of torch.
            torch.optim.Adam([torch.zeros(1, requires_grad=True)])
        return {}

    def warm_up(self, work: Work) -> WarmUpReply:
        """Make the network ready, run the very first call and those after it until they are steady.

        Returns:
            The seconds of the preparation, which inference has, and of the first call by phase, the
            number of calls, whether they got steady, and the seconds of a call now.
        """
        first: dict[str, float] = {}
        prepare_s = None
        if work == "training":
            if not self._under_test.classes:  # no inference came before, which finds the logits
                self._under_test.check_module()
            self._under_test.start_training()
        else:
            self._under_test.find_logits()
            reading, _ = self._clock.time(self._under_test.prepare)
            prepare_s = reading.seconds

        def call() -> Reading:
            if first:
                return _total(self._inference() if work == "inference" else self._training_step())
            readings = self._first_inference() if work == "inference" else self._training_step()
            first.update({phase: reading.seconds for phase, reading in readings.items()})
            self._add_slack()
            cpu_ns.append(read_cpu_ns())
            return _total(readings)

        cpu_ns = [read_cpu_ns()]
        done: WarmUp = warm_up(call, faultless=self._faultless)
        if work == "inference":
            # The first call sets up much in one thread; a long one is all that there is.
            later = 1 if len(done.readings) > 1 else 0
            self._computing = count_computing(cpu_ns[later], read_cpu_ns())
        self._recent_s[work] = done.recent_s
        gc.collect()
        gc.freeze()  # what torch has imported need not be looked through before every block
        return {
            "prepare_s": prepare_s,
            "first_call_s": first,
            "calls": len(done.readings),
            "steady": done.steady,
            "recent_s": done.recent_s,
        }

    def block(self, work: Work, seconds: float, *, discard_first: bool) -> BlockReply:
        """Time as many calls as fill the given seconds, at least one.

        Args:
            discard_first: begin with a call that is no sample.

        Returns:
            Samples and page faults by phase, and what disturbed them.
        """
        step = self._inference if work == "inference" else self._training_step
        recent_s = self._recent_s[work]
        samples: dict[str, list[Reading]] = {phase: [] for phase in PHASES_OF[work]}
        gc.collect()
        gc.disable()  # a collection in the middle of a sample is Python's time, not the network's
        try:
            if discard_first:
                step()
            before = take_snapshot()
            for _ in range(min(MOST_CALLS, max(1, math.ceil(seconds / recent_s)))):
                for phase, reading in step().items():
                    samples[phase].append(reading)
            after = take_snapshot()
        finally:
            gc.enable()
        disturbance = between(before, after)
        return {
            "samples_s": {phase: [r.seconds for r in samples[phase]] for phase in samples},
            "minor_faults": {phase: [r.minor_faults for r in samples[phase]] for phase in samples},
            "disturbance": {
                name: getattr(disturbance, name) for name in disturbance.__dataclass_fields__
            },
        }

    def state(self) -> StateReply:
        """Return what the process has become: its model, its threads, its peak memory.

        Raises:
            UsageError: the network has told torch to compute with less than single precision.
        """
        self._under_test.check_precision()
        return {
            "model": self._under_test.spec.to_json(),
            "classes": self._under_test.classes,
            "dtype": self._under_test.dtype,
            "threads": {**read_threads(), "computing": self._computing},
            "process_peak_bytes": peak_bytes(),
        }

    @property
    def _faultless(self) -> bool:
        workload = self._task.workload
        return workload.device == "cpu" and workload.allocator == "steady"

    def _add_slack(self) -> None:
        """Let the heap have some more pages than one call needed, and leave them free.

        Later calls place their tensors a little differently. Without slack the heap grows by some
        pages in one call or another, long after the first.
        """
        if self._faultless:
            grow_heap(max(LEAST_SLACK_BYTES, (resident_bytes() or 0) // SLACK_PART))

    def _first_inference(self) -> dict[str, Reading]:
        reading, _ = self._clock.time(self._under_test.infer)
        return {"forward": reading}

    def _inference(self) -> dict[str, Reading]:
        reading, _ = self._clock.time(self._under_test.forward)
        return {"forward": reading}

    def _training_step(self) -> dict[str, Reading]:
        under_test = self._under_test
        forward, loss = self._clock.time(under_test.forward_train)
        backward, _ = self._clock.time(partial(under_test.backward, loss))
        del loss  # the graph goes before the next one is made, as in any training loop
        step: Callable[[], Any] = under_test.optimizer.step
        optimizer, _ = self._clock.time(step)
        under_test.forget_gradients()
        return {"forward_train": forward, "backward": backward, "optimizer": optimizer}


def _total(readings: dict[str, Reading]) -> Reading:
    return Reading(
        sum(reading.seconds for reading in readings.values()),
        sum(reading.minor_faults for reading in readings.values()),
    )
