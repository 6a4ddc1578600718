"""The instrument that times every layer, beside what the machine can do at best."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import torch

from segbench.errors import UsageError
from segbench.measurement.counting import count_by_module
from segbench.measurement.instruments.engine_layers import about_layers, engine_rows
from segbench.measurement.instruments.model_under_test import ModelUnderTest, dtype_of
from segbench.measurement.instruments.roof import measure_roof, roof_share
from segbench.measurement.instruments.thread_pools import set_threads
from segbench.results.candidate import DTYPES
from segbench.runtimes import find_runtime
from segbench.runtimes.logits import WithHead

if TYPE_CHECKING:
    from torch import nn

    from segbench.measurement.workers.protocol import Task
    from segbench.measurement.workers.replies import LayersReply

PASSES = 9
WARM_UP_PASSES = 3


class LayersInstrument:
    """Records where an inference's time goes: by hooks, or by the profile of a runtime's engine."""

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        self._under_test = ModelUnderTest(task)

    def measure(self) -> LayersReply:
        """Return the roof of the machine and a row for each layer, costliest first.

        Raises:
            UsageError: the runtime does not show its layers, or none is seen that does something.
        """
        runtime = self._under_test.runtime
        dtype = DTYPES[runtime.precision]
        remarks: list[str] = []
        if find_runtime(runtime.name).runs_modules:
            self._under_test.prepare()
            self._under_test.infer()
            roof = measure_roof(dtype)
            rows = self._module_rows()
        else:
            rows, remarks = engine_rows(self._under_test)
            roof = measure_roof(dtype)
        total_s = sum(row["time_s"] for row in rows)
        if not total_s:
            raise UsageError(
                f"network {str(self._under_test.spec)!r} has no module whose time can be seen; "
                "leave out --layers"
            )
        for row in rows:
            row["share"] = row["time_s"] / total_s
            moved, flops = row.pop("moved_bytes"), row["flops"]
            row["intensity"] = flops / moved if moved and flops else None
            has_roof = not flops or row.get("dtype", dtype) == dtype
            row["roof_share"] = roof_share(flops, moved, row["time_s"], roof) if has_roof else None
        remarks += about_layers(rows, dtype)
        rows.sort(key=lambda row: row["time_s"], reverse=True)
        return {"roof": roof, "layers": rows, "remarks": remarks}

    def _module_rows(self) -> list[dict[str, Any]]:
        images = self._under_test.images.to(dtype_of(self._under_test.network))
        model = WithHead(self._under_test.running, self._under_test.heads)
        counts = count_by_module(model, images)
        rows = self._time_leaves()
        for row in rows:
            counted = counts.get(f"network.{row['name']}" if row["name"] else "network")
            row["macs"] = counted.macs if counted else 0
            row["flops"] = counted.flops if counted else 0
        return rows

    def _time_leaves(self) -> list[dict[str, Any]]:
        leaves = {
            name: module
            for name, module in self._under_test.running.named_modules()
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


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
