"""The instrument that finds peak memory of an inference and of training steps.

Its process runs with an allocator that returns every large tensor to the system as soon as it is
freed, so that resident memory is that of living tensors and the peak repeats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from segbench.instruments.pools import set_threads
from segbench.memory import give_back, peak_bytes, reset_peak, resident_bytes
from segbench.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from segbench.protocol import Task


class MemoryInstrument:
    """Knows what the process takes without the network, and measures what the network adds."""

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        self._task = task

    def measure(self, *, training: bool = True) -> dict[str, int | None]:
        """Return the peak bytes of one inference and of training, weights included.

        Args:
            training: whether that of training is wanted; it is unknown otherwise.
        """
        measure = self._measure_gpu if self._task.device == "cuda" else self._measure_cpu
        return measure(training=training)

    def _measure_cpu(self, *, training: bool) -> dict[str, int | None]:
        load_libraries()
        give_back()
        base = resident_bytes()
        subject = Subject(self._task)
        give_back()
        forward = self._peak_above(base, lambda: _infer(subject))
        train = self._peak_above(base, lambda: _train(subject)) if training else None
        return {"forward_peak_bytes": forward, "train_peak_bytes": train}

    def _peak_above(self, base: int | None, run: Any) -> int | None:  # noqa: ANN401
        give_back()
        if base is None or not reset_peak():
            return None
        run()
        peak = peak_bytes()
        return None if peak is None else peak - base

    def _measure_gpu(self, *, training: bool) -> dict[str, int | None]:
        subject = Subject(self._task)
        forward = _peak_on_gpu(subject, _infer)
        train = _peak_on_gpu(subject, _train) if training else None
        return {"forward_peak_bytes": forward, "train_peak_bytes": train}


def _peak_on_gpu(subject: Subject, run: Callable[[Subject], None]) -> int:
    torch.cuda.reset_peak_memory_stats(subject.device)
    run(subject)
    return int(torch.cuda.max_memory_allocated(subject.device))


def load_libraries() -> None:
    """Run a very small network and its training step, so that code is resident beforehand.

    The pages of the libraries' own code come into memory when it first runs. They belong to torch
    and not to the network that is measured.
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


def _infer(subject: Subject) -> None:
    subject.infer()


def _train(subject: Subject) -> None:
    subject.start_training()
    make_optimizer_state(subject)
    subject.forward_train().backward()
    subject.optimizer.step()
    subject.forget_gradients()


def make_optimizer_state(subject: Subject) -> None:
    """Let Adam make its moments from gradients of zero, as a first step would leave them.

    The peak is that of every later step; a first step in full would cost as much again.
    """
    for weight in subject.model.parameters():
        if weight.requires_grad:
            weight.grad = torch.zeros_like(weight)
    subject.optimizer.step()
    subject.forget_gradients()
