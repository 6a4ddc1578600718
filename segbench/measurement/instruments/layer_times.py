"""The instrument that times every leaf module, beside what the machine can do at best."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from segbench.errors import UsageError
from segbench.measurement.counting import count_by_module
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.instruments.thread_pools import set_threads
from segbench.runtimes import find_runtime

if TYPE_CHECKING:
    from torch import nn

    from segbench.measurement.workers.protocol import Task
    from segbench.measurement.workers.replies import LayersReply

PASSES = 9
WARM_UP_PASSES = 3
MATRIX = 1536  # side of the square factors: 7.2 GFLOP
CHANNELS, SIDE = 256, 56  # of the convolution: 3.7 GFLOP
# Bytes that the copies move, from what fits a core's own cache to what fits none.
COPY_BYTES = tuple(64 << (10 + 2 * step) for step in range(7))
COPY_SECONDS = 0.02
REPEATS = 7


class LayersInstrument:
    """Hooks every leaf module of one network and records where an inference's time goes."""

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        self._under_test = ModelUnderTest(task)

    def measure(self) -> LayersReply:
        """Return the roof of the machine and a row for each leaf module, costliest first.

        Raises:
            UsageError: the runtime does not call modules, or none is seen that does something.
        """
        under_test = self._under_test
        name = under_test.runtime.name
        if not find_runtime(name).runs_modules:
            raise UsageError(
                f"runtime {name!r} does not call the network's modules, so that their time cannot "
                "be seen; measure layers with eager"
            )
        under_test.prepare()
        under_test.infer()
        roof = measure_roof()
        rows = self._time_leaves()
        if not rows:
            raise UsageError(
                f"network {str(under_test.spec)!r} has no module whose time can be seen; leave out "
                "--layers"
            )
        counts = count_by_module(under_test.model, under_test.images)
        total_s = sum(row["time_s"] for row in rows)
        for row in rows:
            counted = counts.get(f"network.{row['name']}" if row["name"] else "network")
            row["macs"] = counted.macs if counted else 0
            row["flops"] = counted.flops if counted else 0
            row["share"] = row["time_s"] / total_s
            moved = row.pop("moved_bytes")
            row["intensity"] = row["flops"] / moved if moved and row["flops"] else None
            row["roof_share"] = roof_share(row["flops"], moved, row["time_s"], roof)
        rows.sort(key=lambda row: row["time_s"], reverse=True)
        return {"roof": roof, "layers": rows}

    def _time_leaves(self) -> list[dict[str, Any]]:
        leaves = {
            name: module
            for name, module in self._under_test.network.named_modules()
            if not any(module.children()) and not isinstance(module, torch.jit.ScriptModule)
        }
        watches = {name: _Watch(module) for name, module in leaves.items()}
        for _ in range(WARM_UP_PASSES + PASSES):
            self._under_test.forward()
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


def measure_roof() -> dict[str, Any]:
    """Measure the best of several matrix products, 3x3 convolutions, and copies of many sizes.

    A matrix product alone would be too low a roof: torch takes its matrix products and its
    convolutions from different libraries, and on some CPUs the second is the faster one.
    """
    with torch.inference_mode():
        left, right = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
        product_s = _best(lambda: torch.mm(left, right))
        convolution = torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        image = torch.randn(1, CHANNELS, SIDE, SIDE)
        convolution_s = _best(lambda: convolution(image))
    return {
        "matmul_flops_per_s": 2 * MATRIX**3 / product_s,
        "convolution_flops_per_s": 2 * 9 * CHANNELS**2 * SIDE**2 / convolution_s,
        "copy_bytes_per_s": {moved: _copy_rate(moved) for moved in COPY_BYTES},
    }


def _copy_rate(moved: int) -> float:
    source = torch.ones(moved // 8)  # half is read and half is written, 4 bytes a number
    target = torch.empty_like(source)
    once_s = _best(lambda: target.copy_(source))
    calls = max(1, round(COPY_SECONDS / REPEATS / once_s))

    def copy_many() -> None:
        for _ in range(calls):
            target.copy_(source)

    return moved * calls / _best(copy_many)


def _best(call: Callable[[], object]) -> float:
    call()
    durations = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return min(durations)


def roof_share(flops: int, moved: int, seconds: float, roof: dict[str, Any]) -> float | None:
    """Return a layer's speed over what the machine reached for its work.

    A layer without arithmetic is held against the copy alone, of the nearest size measured.

    >>> roof = {"matmul_flops_per_s": 80e9, "convolution_flops_per_s": 100e9,
    ...         "copy_bytes_per_s": {1 << 20: 10e9}}
    >>> roof_share(50_000_000_000, 1 << 20, 1.0, roof)
    0.5
    >>> roof_share(0, 5_000_000_000, 1.0, roof)
    0.5
    """
    if not moved:
        return None
    copies = roof["copy_bytes_per_s"]
    nearest = min(copies, key=lambda size: abs(math.log(size / moved)))
    compute_s = flops / max(roof["matmul_flops_per_s"], roof["convolution_flops_per_s"])
    return float(max(compute_s, moved / copies[nearest]) / seconds)


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
