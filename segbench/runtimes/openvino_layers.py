"""Layers that OpenVINO executes, by its own performance counters."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

import openvino as ov
from openvino import properties

from segbench.runtimes.executed_layers import (
    ExecutedLayer,
    Node,
    Operation,
    convolution_macs,
    matmul_macs,
    trace,
)
from segbench.runtimes.openvino import convert, engine_options

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec

COMPILATIONS = 5
WARM_UP_PASSES = 2  # of each
PASSES = 2  # of each
DTYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16", "i32": "int32", "i8": "int8"}
BITS = re.compile(r"[0-9]+")
# What torch's tracer makes of scopes: __module.stem.0/aten::relu/Relu, and aten::add/Add without.
SCOPE = re.compile(r"(?:__module\.([^/]+)/)?\w+::")
NO_KERNEL = "Reference"  # the kind of what the plugin has no kernel for, whatever it is
INNER = ("Constant", "Parameter", "Result")  # no work
# Their weights are (groups,) outputs or inputs, inputs or outputs in a group, rows, columns.
CONVOLUTIONS = {"Convolution": 1, "GroupConvolution": 2}
TRANSPOSED = {"ConvolutionBackpropData": 1, "GroupConvolutionBackpropData": 2}
UNCOUNTED = frozenset(
    {
        *("Einsum", "ScaledDotProductAttention", "DeformableConvolution", "BinaryConvolution"),
        *("LSTMCell", "GRUCell", "RNNCell", "LSTMSequence", "GRUSequence", "RNNSequence"),
        *("If", "Loop", "TensorIterator"),
    }
)
"""Operations that may hold products, and have no rule here."""


def profile_layers(
    model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None, folder: Path
) -> list[ExecutedLayer]:
    """Return what is executed of a model, with times of several compilations."""
    del folder  # it writes no files
    graph = convert(model, images, store)
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
        if _told(each, "layerType") != "Const"
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
    shape = _shape(outputs[0]) if outputs else None
    precision = _told(executed, "runtimePrecision").lower()
    return Node(
        name=name,
        kind=kinds.get(name, _told(executed, "layerType")),
        operations=tuple(filter(None, _told(executed, "originalLayersNames").split(","))),
        sources=tuple(value.get_node().get_friendly_name() for value in executed.input_values()),
        time_s=times.get(name),
        output_shape=shape or (),
        output_bytes=sum(each or 0 for each in results),
        moved_bytes=sum(known) if len(known) == len(results) + len(taken) else None,
        exec_type=_told(executed, "primitiveType") or None,
        dtype=DTYPES.get(precision, precision) or None,
    )


def _told(executed: ov.Node, key: str) -> str:
    """Return what the engine says of a node that it executes."""
    told = executed.get_rt_info()
    return str(told[key].astype(str)) if key in told else ""


def _bytes(output: ov.Output) -> int | None:
    shape = _shape(output)
    precisions = _told(output.get_node(), "outputPrecisions").split(",")
    bits = BITS.search(precisions[min(output.get_index(), len(precisions) - 1)])
    if shape is None:
        return None
    return math.prod(shape) * (int(bits[0]) if bits else 8) // 8


def _shape(output: ov.Output) -> tuple[int, ...] | None:
    """Return a shape; None of one that is known in an inference alone."""
    found = output.get_partial_shape()
    return None if found.is_dynamic else tuple(found.to_shape())


def read_operations(graph: ov.Model) -> dict[str, Operation]:
    """Return the operations of a model that was converted, by name."""
    return {
        each.get_friendly_name(): Operation(
            module=_module_of(each.get_friendly_name()),
            sources=tuple(value.get_node().get_friendly_name() for value in each.input_values()),
            macs=_macs(each),
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


def _macs(operation: ov.Node) -> int | None:
    kind = operation.get_type_name()
    if kind in UNCOUNTED:
        return None
    if kind not in {*CONVOLUTIONS, *TRANSPOSED, "MatMul"}:
        return 0
    taken = [_shape(value) for value in operation.input_values()]
    output = _shape(operation.output(0))
    if output is None or taken[0] is None or taken[1] is None:
        return None
    if kind in CONVOLUTIONS:
        return convolution_macs(output, taken[1][CONVOLUTIONS[kind] :])
    if kind in TRANSPOSED:  # every value of the input meets the weights of its group
        return convolution_macs(taken[0], taken[1][TRANSPOSED[kind] :])
    return matmul_macs(output, _inner(operation, taken[0]))


def _inner(product: ov.Node, left: Sequence[int]) -> int:
    """Return the length over which a product of matrices sums."""
    transposed = product.get_attributes()["transpose_a"] and len(left) > 1
    return left[-2 if transposed else -1]
