"""The instrument that times inference and training steps, a block of calls at a time."""

from __future__ import annotations

import gc
import math
from typing import TYPE_CHECKING, Any

import torch

from segbench.disturbance import between, take_snapshot
from segbench.instruments.pools import read_threads, set_threads
from segbench.memory import grow_heap, peak_bytes, resident_bytes
from segbench.stopwatch import DeviceClock, Reading, Stopwatch, WallClock
from segbench.subject import Subject
from segbench.warmup import WarmUp, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from segbench.protocol import Task, Work

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
        self._subject = Subject(task)
        self._clock: Stopwatch = (
            DeviceClock(self._subject.device) if task.device == "cuda" else WallClock()
        )
        self._recent_s: dict[Work, float] = {}

    @staticmethod
    def prepare(work: Work) -> dict[str, Any]:
        """Import what the work needs, now, before anything is timed."""
        if work == "training":
            # The first optimizer of a process imports a second's worth of torch.
            torch.optim.Adam([torch.zeros(1, requires_grad=True)])
        return {}

    def warm_up(self, work: Work) -> dict[str, Any]:
        """Run the very first call and those after it until they are steady.

        Returns:
            The first call's seconds by phase, the number of calls, whether they got steady, and the
            seconds of a call now.
        """
        first: dict[str, float] = {}
        if work == "training":
            self._subject.start_training()

        def call() -> Reading:
            if first:
                return _total(self._inference() if work == "inference" else self._training_step())
            readings = self._first_inference() if work == "inference" else self._training_step()
            first.update({phase: reading.seconds for phase, reading in readings.items()})
            self._add_slack()
            return _total(readings)

        done: WarmUp = warm_up(call, faultless=self._faultless)
        self._recent_s[work] = done.recent_s
        gc.collect()
        gc.freeze()  # what torch has imported need not be looked through before every block
        return {
            "first_call_s": first,
            "calls": len(done.readings),
            "steady": done.steady,
            "recent_s": done.recent_s,
        }

    def block(self, work: Work, seconds: float, *, settle: bool) -> dict[str, Any]:
        """Time as many calls as fill the given seconds, at least one.

        Args:
            settle: begin with a call that is no sample.

        Returns:
            Samples and page faults by phase, and what disturbed them.
        """
        step = self._inference if work == "inference" else self._training_step
        recent_s = self._recent_s[work]
        samples: dict[str, list[Reading]] = {phase: [] for phase in PHASES_OF[work]}
        gc.collect()
        gc.disable()  # a collection in the middle of a sample is Python's time, not the network's
        try:
            if settle:
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

    def state(self) -> dict[str, Any]:
        """Return what the process has become: its model, its threads, its peak memory."""
        return {
            "model": self._subject.spec.to_json(),
            "classes": self._subject.classes,
            "threads": read_threads(),
            "process_peak_bytes": peak_bytes(),
        }

    @property
    def _faultless(self) -> bool:
        return self._task.device == "cpu" and self._task.allocator == "steady"

    def _add_slack(self) -> None:
        """Let the heap have some more pages than one call needed, and leave them free.

        Later calls place their tensors a little differently. Without slack the heap grows by some
        pages in one call or another, long after the first.
        """
        if self._faultless:
            grow_heap(max(LEAST_SLACK_BYTES, (resident_bytes() or 0) // SLACK_PART))

    def _first_inference(self) -> dict[str, Reading]:
        reading, _ = self._clock.time(self._subject.infer)
        return {"forward": reading}

    def _inference(self) -> dict[str, Reading]:
        reading, _ = self._clock.time(self._subject.forward)
        return {"forward": reading}

    def _training_step(self) -> dict[str, Reading]:
        subject = self._subject
        forward, loss = self._clock.time(subject.forward_train)
        backward, _ = self._clock.time(loss.backward)
        del loss  # the graph goes before the next one is made, as in any training loop
        step: Callable[[], Any] = subject.optimizer.step
        optimizer, _ = self._clock.time(step)
        subject.forget_gradients()
        return {"forward_train": forward, "backward": backward, "optimizer": optimizer}


def _total(readings: dict[str, Reading]) -> Reading:
    return Reading(
        sum(reading.seconds for reading in readings.values()),
        sum(reading.minor_faults for reading in readings.values()),
    )
