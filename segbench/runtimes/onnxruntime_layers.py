"""Layers that ONNX Runtime executes, by its own profile of one session."""

from __future__ import annotations

import ast
import json
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import onnxruntime as ort

from segbench.runtimes.executed_layers import (
    ExecutedLayer,
    Node,
    Operation,
    trace,
)
from segbench.runtimes.onnx_operations import count_macs, shapes_of
from segbench.runtimes.onnxruntime import OnnxruntimeSession, engine_options, exported

if TYPE_CHECKING:
    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec

WARM_UP_PASSES = 3
PASSES = 9
SUFFIX = "_kernel_time"
SCOPES = "pkg.torch.onnx.name_scopes"  # where torch's exporter writes which modules called
BLOCKED = "com.microsoft.nchwc"  # the domain of kernels for channels in blocks
# What such a kernel is called after: the result that it makes, of a batch norm as a convolution.
MADE = re.compile(r"(.+?)(?:_bn)?_nchwc(?:_token_[0-9]+)?")
REORDERS = ("ReorderInput", "ReorderOutput")
SIZES = {"float": 4, "float16": 2, "bfloat16": 2, "double": 8, "bool": 1}
DTYPES = {"float": "float32", "double": "float64"}
BITS = re.compile(r"[0-9]+$")


def profile_layers(
    model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None, folder: Path
) -> list[ExecutedLayer]:
    """Return what is executed of a model; the engine writes its profile into the folder."""
    del spec  # fp32 is all that it has
    graph = exported(model, images, store)
    options = engine_options()
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    engine = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    session = OnnxruntimeSession(engine)
    batch = session.feed(images)
    for _ in range(WARM_UP_PASSES + PASSES):
        session.run(batch)
    events = json.loads(Path(engine.end_profiling()).read_bytes())
    optimised = onnx.load(folder / "optimised.onnx", load_external_data=False).graph
    given = onnx.load_from_string(graph).graph
    return trace(_nodes(events, optimised, given), read_operations(given))


def _nodes(
    events: Sequence[Mapping[str, Any]], optimised: onnx.GraphProto, given: onnx.GraphProto
) -> list[Node]:
    """Return the nodes in the order in which they were executed."""
    calls: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith(SUFFIX):
            calls.setdefault(event["name"].removesuffix(SUFFIX), []).append(event)
    found = {node.name: node for node in optimised.node}
    makers = {result: node.name for node in optimised.node for result in node.output}
    results = {result: node.name for node in given.node for result in node.output}
    names = {node.name for node in given.node}
    return [
        _node(name, events, found.get(name), makers, results, names)
        for name, events in calls.items()
    ]


def _node(
    name: str,
    events: Sequence[Mapping[str, Any]],
    node: onnx.NodeProto | None,
    makers: Mapping[str, str],
    results: Mapping[str, str],
    names: set[str],
) -> Node:
    told = events[-1]["args"]
    written = _tensors(told["output_type_shape"])
    taken = _tensors(told["input_type_shape"])
    inputs = () if node is None else node.input
    return Node(
        name=name,
        kind=told["op_name"],
        operations=_operations(name, node, results, names),
        sources=tuple(makers[each] for each in inputs if each in makers),
        time_s=_time_of(events),
        output_shape=written[0][1] if written else (),
        output_bytes=sum(_bytes(*each) for each in written),
        moved_bytes=sum(_bytes(*each) for each in (*written, *taken)),
        exec_type="nchwc" if node is not None and node.domain == BLOCKED else None,
        dtype=_dtype(taken[0][0]) if taken else None,
    )


def _time_of(events: Sequence[Mapping[str, Any]]) -> float:
    """Return the median over passes; what is executed several times in a pass is added up."""
    calls = len(events) // (WARM_UP_PASSES + PASSES)
    measured = [float(event["dur"]) * 1e-6 for event in events[WARM_UP_PASSES * calls :]]
    starts = range(0, len(measured), calls)
    return statistics.median(sum(measured[start : start + calls]) for start in starts)


def _operations(
    name: str, node: onnx.NodeProto | None, results: Mapping[str, str], names: set[str]
) -> tuple[str, ...]:
    """Return the operation whose result a node makes, by its result's name or its own.

    What is fused is called ``node_MatMul_20/MatMulAddFusion``, or after its result.
    """
    if node is not None and node.domain == BLOCKED and node.op_type in REORDERS:
        return ()
    made = MADE.fullmatch(name)
    outputs = [] if node is None else [*node.output]
    found = [results[each] for each in [*outputs, made and made[1]] if each in results]
    return tuple(dict.fromkeys([*found, *({name, name.partition("/")[0]} & names)]))


def _tensors(told: Sequence[Mapping[str, Sequence[int]]]) -> list[tuple[str, tuple[int, ...]]]:
    return [(kind, tuple(shape)) for each in told for kind, shape in each.items()]


def _bytes(kind: str, shape: tuple[int, ...]) -> int:
    """Return the bytes of a tensor.

    >>> _bytes("float", (1, 3, 8, 8)), _bytes("int64", (2,)), _bytes("uint8", (5,))
    (768, 16, 5)
    """
    bits = BITS.search(kind)
    size = SIZES.get(kind) or (int(bits[0]) // 8 if bits else 1)
    return math.prod(shape) * size


def _dtype(kind: str) -> str:
    return DTYPES.get(kind, kind)


def read_operations(graph: onnx.GraphProto) -> dict[str, Operation]:
    """Return the operations of a graph that was exported, by name."""
    shapes = shapes_of(graph)
    makers = {result: node.name for node in graph.node for result in node.output}
    return {
        node.name: Operation(
            module=_module_of(node),
            sources=tuple(makers[each] for each in node.input if each in makers),
            macs=count_macs(node, shapes).macs,
        )
        for node in graph.node
    }


def _module_of(node: onnx.NodeProto) -> str | None:
    """Return the module whose code a node is, as the exporter noted it."""
    noted = {each.key: each.value for each in node.metadata_props}.get(SCOPES)
    scopes = ast.literal_eval(noted) if noted else []
    return str(scopes[-2]) if len(scopes) > 1 else None  # the last is the operation
