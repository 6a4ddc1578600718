"""Layers that OpenVINO executes, by its own performance counters."""

from __future__ import annotations

import math
import re
import statistics
from typing import TYPE_CHECKING

import openvino as ov
from openvino import properties

from segbench.runtimes.executed_layers import (
    ExecutedLayer,
    Node,
    Operation,
    trace,
)
from segbench.runtimes.openvino import engine_options, graph_of, told
from segbench.runtimes.openvino_operations import count_macs, shape_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec

COMPILATIONS = 5
WARM_UP_PASSES = 2  # of each
PASSES = 2  # of each
DTYPES = {
    "f32": "float32",
    "bf16": "bfloat16",
    "f16": "float16",
    "i32": "int32",
    "i8": "int8",
    "u8": "uint8",
}
BITS = re.compile(r"[0-9]+")
# What torch's tracer makes of scopes: __module.stem.0/aten::relu/Relu, and aten::add/Add without.
SCOPE = re.compile(r"(?:__module\.([^/]+)/)?\w+::")
NO_KERNEL = "Reference"  # the kind of what the plugin has no kernel for, whatever it is
INNER = ("Constant", "Parameter", "Result")  # no work


def profile_layers(
    model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None, folder: Path
) -> list[ExecutedLayer]:
    """Return what is executed of a model, with times of several compilations."""
    del folder  # it writes no files
    graph = graph_of(model, images, spec, store)
    options = {**engine_options(spec), properties.enable_profiling: True}
    times: dict[str, list[float]] = {}
    kinds: dict[str, str] = {}
    for _ in range(COMPILATIONS):
        compiled = ov.Core().compile_model(graph, "CPU", options)
        for name, (kind, time_s) in _times_of(compiled, images).items():
            times.setdefault(name, []).append(time_s)
            kinds[name] = kind
    medians = {name: statistics.median(each) for name, each in times.items()}
    for each in graph.get_ordered_ops():
        if kinds.get(each.get_friendly_name()) == NO_KERNEL:
            kinds[each.get_friendly_name()] = each.get_type_name()
    nodes = [
        _node(each, medians, kinds)
        for each in compiled.get_runtime_model().get_ordered_ops()
        if told(each, "layerType") != "Const"
    ]
    return trace(nodes, read_operations(graph))


def _times_of(compiled: ov.CompiledModel, images: Tensor) -> dict[str, tuple[str, float]]:
    """Return kind and seconds of each node that takes part, a mean over the measured passes.

    The counters tell whole microseconds, a mean over all passes since the model was compiled. So
    what the first took is taken out again, and few passes are counted.
    """
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(images.contiguous().numpy(), shared_memory=True))
    sums: list[dict[str, tuple[str, float]]] = []
    for passes in (WARM_UP_PASSES, PASSES):
        for _ in range(passes):
            request.infer()
        done = WARM_UP_PASSES if not sums else WARM_UP_PASSES + PASSES
        sums.append(
            {
                each.node_name: (each.node_type, done * each.real_time.total_seconds())
                for each in request.profiling_info
                if each.status == ov.ProfilingInfo.Status.EXECUTED
            }
        )
    before, after = sums
    return {
        name: (kind, max(0.0, total_s - before.get(name, (kind, 0.0))[1]) / PASSES)
        for name, (kind, total_s) in after.items()
    }


def _node(executed: ov.Node, times: dict[str, float], kinds: dict[str, str]) -> Node:
    name = executed.get_friendly_name()
    results = [_bytes(output) for output in executed.outputs()]
    taken = [_bytes(value) for value in executed.input_values()]
    known = [each for each in (*results, *taken) if each is not None]
    outputs = executed.outputs()
    shape = shape_of(outputs[0]) if outputs else None
    precision = told(executed, "runtimePrecision").lower()
    return Node(
        name=name,
        kind=kinds.get(name, told(executed, "layerType")),
        operations=tuple(filter(None, told(executed, "originalLayersNames").split(","))),
        sources=tuple(value.get_node().get_friendly_name() for value in executed.input_values()),
        time_s=times.get(name),
        output_shape=shape or (),
        output_bytes=sum(each or 0 for each in results),
        moved_bytes=sum(known) if len(known) == len(results) + len(taken) else None,
        exec_type=told(executed, "primitiveType") or None,
        dtype=DTYPES.get(precision, precision) or None,
    )


def _bytes(output: ov.Output) -> int | None:
    shape = shape_of(output)
    precisions = told(output.get_node(), "outputPrecisions").split(",")
    bits = BITS.search(precisions[min(output.get_index(), len(precisions) - 1)])
    if shape is None:
        return None
    return math.prod(shape) * (int(bits[0]) if bits else 8) // 8


def read_operations(graph: ov.Model) -> dict[str, Operation]:
    """Return the operations of a model that was converted, by name."""
    return {
        each.get_friendly_name(): Operation(
            module=_module_of(each.get_friendly_name()),
            sources=tuple(value.get_node().get_friendly_name() for value in each.input_values()),
            macs=count_macs(each).macs,
        )
        for each in graph.get_ordered_ops()
        if each.get_type_name() not in INNER
    }


def _module_of(name: str) -> str | None:
    """Return the module that an operation's name tells.

    >>> _module_of("__module.stem.0/aten::relu/Relu"), _module_of("aten::argmax/TopK")
    ('stem.0', '')
    >>> _module_of("Multiply_11647")
    """
    found = SCOPE.match(name)
    return None if found is None else found[1] or ""
