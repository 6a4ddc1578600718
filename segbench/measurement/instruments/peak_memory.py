"""Instrument for the peak memory of a preparation, an inference and training steps.

Its process runs with an allocator that returns every large tensor to the system as soon as it is
freed, so that resident memory is that of living tensors and the peak repeats.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from segbench.measurement.host.memory import give_back, peak_bytes, reset_peak, resident_bytes
from segbench.measurement.instruments.graph_under_test import network_under_test
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.instruments.thread_pools import set_threads
from segbench.measurement.workers.stages import TELLER
from segbench.results.candidate import EAGER
from segbench.runtimes import find_runtime, prepare
from segbench.runtimes.model import why_withheld

if TYPE_CHECKING:
    from collections.abc import Callable

    from segbench.measurement.workers.protocol import Task
    from segbench.measurement.workers.replies import MemoryReply, PreparationReply
    from segbench.results.candidate import RuntimeSpec


class MemoryInstrument:
    """Knows what the process takes without the network, and measures what the network adds."""

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        self._task = task

    def prepare(self) -> PreparationReply:
        """Make the network ready, and return what that took.

        Where something is converted it is stored, so that the process which measures an inference
        has nothing of the conversion in its memory.
        """
        self._start()
        self._model.find_logits()
        return self._prepare()

    def measure(self, *, training: bool = True) -> MemoryReply:
        """Return the peak bytes of one inference and of training, weights included.

        Args:
            training: whether that of training is wanted; it is unknown otherwise.
        """
        self._start()
        self._model.find_logits()
        prepared = self._prepare()
        found: MemoryReply = {
            "prepare_s": prepared["prepare_s"],
            "preparation_peak_bytes": prepared["preparation_peak_bytes"],
            "lowering": prepared["lowering"],
            "forward_peak_bytes": self._peak_of(self._model.infer),
            "train_peak_bytes": None,
        }
        if training:
            try:
                found["train_peak_bytes"] = self._peak_of(lambda: _train(self._model))
            except Exception as error:  # noqa: BLE001 - of a network, which may raise anything
                batch = self._task.workload.batch
                found["withheld"] = {"training": why_withheld(error, batch=batch)}
        return found

    def _start(self) -> None:
        if self._task.workload.device != "cuda":
            load_libraries(self._task.candidate.runtime, self._task.store)
            give_back()
            self._base = resident_bytes()
        self._model = network_under_test(self._task)

    def _prepare(self) -> PreparationReply:
        seconds = 0.0

        def prepare() -> None:
            nonlocal seconds
            began_s = time.perf_counter()
            self._model.prepare()
            seconds = time.perf_counter() - began_s

        peak_bytes = self._added_by(prepare)
        found = self._model.lowering
        return {
            "prepare_s": seconds,
            "preparation_peak_bytes": peak_bytes,
            "lowering": None
            if found is None
            else {"applied": list(found.applied), "left": list(found.left)},
        }

    def _added_by(self, run: Callable[[], object]) -> int | None:
        """Return what a call adds at its peak to what the process has before it."""
        if self._task.workload.device == "cuda":
            before = torch.cuda.memory_allocated(self._model.device)
            return _peak_on_gpu(self._model, run) - before
        give_back()
        before_bytes = resident_bytes()
        peak = self._peak_of(run)
        if peak is None or before_bytes is None or self._base is None:
            return None
        return max(0, peak + self._base - before_bytes)

    def _peak_of(self, run: Callable[[], object]) -> int | None:
        """Return the peak of a call above what the process had without the network."""
        if self._task.workload.device == "cuda":
            return _peak_on_gpu(self._model, run)
        give_back()
        if self._base is None or not reset_peak():
            return None
        run()
        peak = peak_bytes()
        return None if peak is None else peak - self._base

    _base: int | None = None
    _model: ModelUnderTest


def _peak_on_gpu(model: ModelUnderTest, run: Callable[[], object]) -> int:
    torch.cuda.reset_peak_memory_stats(model.device)
    run()
    return int(torch.cuda.max_memory_allocated(model.device))


def load_libraries(runtime: RuntimeSpec = EAGER, store: str | None = None) -> None:
    """Run a very small network and its training step, so that code is resident beforehand.

    The pages of the libraries' own code come into memory when it first runs. They belong to torch,
    or to the runtime, and not to the network that is measured.

    Args:
        store: of the candidate, beside which the very small network's conversion is stored.
    """
    model = nn.Sequential(
        nn.BatchNorm2d(3),
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        nn.Conv2d(8, 16, 1),
        nn.AvgPool2d(2),
        nn.ConvTranspose2d(16, 16, 2, stride=2),
        nn.Conv2d(16, 5, 7, padding=3),
    )
    images = torch.ones(2, 3, 16, 16)
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(2):
        pooled, indices = nn.functional.max_pool2d(model(images), 2, return_indices=True)
        logits = nn.functional.max_unpool2d(pooled, indices, [2, 2])
        nn.functional.cross_entropy(logits, torch.zeros(2, 16, 16, dtype=torch.long)).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    with torch.inference_mode():
        model.eval()(images)
    if runtime == EAGER:
        return
    is_engine = not find_runtime(runtime.name).runs_modules
    if is_engine:
        TELLER.begin("preparing")
    session = prepare(model, images, runtime, None if store is None else Path(f"{store}-small"))
    if is_engine:
        TELLER.begin("inference")
    session.run(session.feed(images))


def _train(model: ModelUnderTest) -> None:
    model.start_training()
    make_optimizer_state(model)
    model.backward(model.forward_train())
    model.optimizer.step()
    model.forget_gradients()


def make_optimizer_state(model: ModelUnderTest) -> None:
    """Let Adam make its moments from gradients of zero, as a first step would leave them.

    The peak is that of every later step; a first step in full would cost as much again.
    """
    for weight in model.network.parameters():
        if weight.requires_grad:
            weight.grad = torch.zeros_like(weight)
    model.optimizer.step()
    model.forget_gradients()
