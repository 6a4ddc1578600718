"""The instrument that times every leaf module, beside what the machine can do at best."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from segbench.counting import count_by_module
from segbench.instruments.pools import set_threads
from segbench.subject import Subject

if TYPE_CHECKING:
    from torch import nn

    from segbench.protocol import Task

PASSES = 9
WARM_UP_PASSES = 3
MATRIX = 1536  # side of the square factors: three of them, 28 MB, and 7.2 GFLOP
COPY_BYTES = 256 << 20  # well beyond any cache
REPEATS = 7


class LayersInstrument:
    """Hooks every leaf module of one network and records where an inference's time goes."""

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        self._subject = Subject(task)

    def measure(self) -> dict[str, Any]:
        """Return the roof of the machine and a row for each leaf module, costliest first."""
        subject = self._subject
        subject.infer()
        roof = measure_roof()
        rows = self._time_leaves()
        counts = count_by_module(subject.model, subject.images)
        total_s = sum(row["time_s"] for row in rows)
        for row in rows:
            counted = counts.get(row["name"])
            row["macs"] = counted.macs if counted else 0
            row["flops"] = counted.flops if counted else 0
            row["share"] = row["time_s"] / total_s
            moved = row.pop("moved_bytes")
            row["intensity"] = row["flops"] / moved if moved and row["flops"] else None
            row["roof_share"] = _roof_share(row, roof)
        rows.sort(key=lambda row: row["time_s"], reverse=True)
        return {"roof": roof, "layers": rows}

    def _time_leaves(self) -> list[dict[str, Any]]:
        leaves = {
            name: module
            for name, module in self._subject.model.named_modules()
            if not any(module.children())
        }
        watches = {name: _Watch(module) for name, module in leaves.items()}
        for _ in range(WARM_UP_PASSES + PASSES):
            self._subject.forward()
        return [
            {"name": name, **watch.row()} for name, watch in watches.items() if watch.was_called
        ]


class _Watch:
    """Times the calls of one module; a module called several times in a pass adds them up."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._start = 0.0
        self._seconds: list[float] = []
        self._moved_bytes = 0
        self._shape: tuple[int, ...] = ()
        self._output_bytes = 0
        module.register_forward_pre_hook(self._begin)
        module.register_forward_hook(self._end)

    def _begin(self, _module: nn.Module, _inputs: object) -> None:
        self._start = time.perf_counter()

    def _end(self, _module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ANN401
        self._seconds.append(time.perf_counter() - self._start)
        outputs = output if isinstance(output, tuple) else (output,)
        tensors = [part for part in outputs if isinstance(part, torch.Tensor)]
        if tensors and not self._shape:
            self._shape = tuple(tensors[0].shape)
            self._output_bytes = sum(map(_bytes, tensors))
            taken = sum(_bytes(part) for part in inputs if isinstance(part, torch.Tensor))
            held = sum(_bytes(weight) for weight in self._module.parameters())
            self._moved_bytes = taken + held + self._output_bytes

    @property
    def was_called(self) -> bool:
        return bool(self._seconds)

    def row(self) -> dict[str, Any]:
        calls = len(self._seconds) // (WARM_UP_PASSES + PASSES)  # in one pass
        passes = [
            sum(self._seconds[start : start + calls])
            for start in range(WARM_UP_PASSES * calls, len(self._seconds), calls)
        ]
        return {
            "kind": type(self._module).__name__,
            "time_s": statistics.median(passes),
            "params": sum(weight.numel() for weight in self._module.parameters()),
            "output_shape": self._shape,
            "output_bytes": self._output_bytes,
            "moved_bytes": self._moved_bytes,
        }


def measure_roof() -> dict[str, float]:
    """Measure the best matrix product and the best copy of several, with the threads set."""
    left, right = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    product = torch.empty(MATRIX, MATRIX)
    source = torch.ones(COPY_BYTES // 4)
    target = torch.empty_like(source)
    return {
        "matmul_flops_per_s": 2 * MATRIX**3 / _best(lambda: torch.mm(left, right, out=product)),
        "copy_bytes_per_s": 2 * COPY_BYTES / _best(lambda: target.copy_(source)),
    }


def _best(call: Callable[[], object]) -> float:
    call()
    durations = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return min(durations)


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _roof_share(row: dict[str, Any], roof: dict[str, float]) -> float | None:
    if row["intensity"] is None:
        return None
    reachable = min(roof["matmul_flops_per_s"], row["intensity"] * roof["copy_bytes_per_s"])
    return float(row["flops"] / row["time_s"] / reachable)
