"""ONNX files, written from a network and run by ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx

from segbench.runtimes import GraphCounts, Port
from segbench.runtimes.graph_counting import Work, count_work
from segbench.runtimes.graph_files import GRAPH_KEY, check_is_file, damaged
from segbench.runtimes.onnxruntime import OnnxruntimeSession, export, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import onnxruntime as ort
    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec

SUFFIX = ".onnx"
WEIGHTS_AT = {"Conv": 1, "QLinearConv": 3, "ConvInteger": 1, "ConvTranspose": 1}  # input of each
PRODUCTS = {"Gemm": (0, 1), "MatMul": (0, 1), "QLinearMatMul": (0, 3), "MatMulInteger": (0, 1)}
UNRULED = ("Attention", "Einsum", "GRU", "LSTM", "RNN")


class OnnxGraph(OnnxruntimeSession):
    """A session of a file."""

    def __init__(self, session: ort.InferenceSession) -> None:
        super().__init__(session)
        self.inputs = tuple(map(_port, session.get_inputs()))
        self.outputs = tuple(map(_port, session.get_outputs()))
        if not self.dtype.startswith("float"):  # what it takes are pixels, which it makes floats of
            self.dtype = "float32"


def write(model: nn.Module, images: Tensor, path: Path, *, about: str) -> None:
    """Write a model as one file, with a text of metadata."""
    graph = export(model, images)
    onnx.helper.set_model_props(graph, {GRAPH_KEY: about})
    path.write_bytes(graph.SerializeToString())


def read(path: Path, spec: RuntimeSpec, shape: tuple[int, ...] | None) -> OnnxGraph:
    """Return a session of a file; see :class:`segbench.runtimes.Graphs`."""
    del spec, shape  # it computes as the graph says, and takes what it is given
    check_is_file(path)
    try:
        return OnnxGraph(start(str(path)))
    except Exception as error:  # of many types, for what is damaged, missing or not known to it
        raise damaged(path, error) from error


def count(path: Path, shape: tuple[int, ...]) -> GraphCounts:
    """Count what a file holds; see :class:`segbench.runtimes.Graphs`."""
    check_is_file(path)
    try:
        model = onnx.load(path, load_external_data=False)
        fixed = _with_shape(model, shape)
        graph = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    except Exception as error:  # likewise
        raise damaged(path, error) from error
    weights = [each for each in model.graph.initializer if _is_weight(each)]
    sizes = [_elements(each.dims) for each in weights]
    kinds = [onnx.helper.tensor_dtype_to_np_dtype(each.data_type) for each in weights]
    macs, uncounted = count_work(_works(graph))
    return GraphCounts(
        params=sum(sizes),
        weights_bytes=sum(size * kind.itemsize for size, kind in zip(sizes, kinds, strict=True)),
        macs=macs,
        uncounted=uncounted,
    )


def _with_shape(model: Any, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - onnx's message
    """Fix the lengths of the first input that are not."""
    weights = {each.name for each in model.graph.initializer}
    images = next(each for each in model.graph.input if each.name not in weights)
    dims = images.type.tensor_type.shape.dim
    if len(dims) == len(shape):
        for dim, length in zip(dims, shape, strict=True):
            if not dim.HasField("dim_value"):
                dim.dim_value = length
    return model


def _works(graph: Any) -> Iterator[Work]:  # noqa: ANN401 - onnx's message
    shapes: dict[str, tuple[int, ...]] = {each.name: tuple(each.dims) for each in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        shapes.setdefault(value.name, tuple(dim.dim_value for dim in dims))
    for node in graph.node:
        kind = node.op_type
        found = [shapes.get(name, ()) for name in node.input]
        output = shapes.get(node.output[0], ()) if node.output else ()
        if kind in WEIGHTS_AT:
            weights = found[WEIGHTS_AT[kind]]
            moved = found[0] if kind == "ConvTranspose" else output
            yield Work(kind, moved, weights[1:])
        elif kind in PRODUCTS:
            left = found[PRODUCTS[kind][0]]
            is_turned = kind == "Gemm" and any(
                each.name == "transA" and each.i for each in node.attribute
            )
            yield Work(kind, output, left[-2 if is_turned else -1 :][:1])
        elif kind in UNRULED or node.domain not in {"", "ai.onnx"}:
            yield Work(kind, None, ())


def _is_weight(tensor: Any) -> bool:  # noqa: ANN401 - onnx's message
    """Tell whether a constant is a weight: of numbers with a point, or of 8 bits, and no scalar."""
    kinds = onnx.TensorProto
    weights = (kinds.FLOAT, kinds.FLOAT16, kinds.BFLOAT16, kinds.DOUBLE, kinds.INT8, kinds.UINT8)
    return tensor.data_type in weights and _elements(tensor.dims) > 1


def _elements(dims: Any) -> int:  # noqa: ANN401 - onnx's list
    count = 1
    for length in dims:
        count *= length
    return count


def _port(port: Any) -> Port:  # noqa: ANN401 - the engine's
    kind = port.type.removeprefix("tensor(").removesuffix(")")
    lengths = tuple(each if isinstance(each, int) else None for each in port.shape)
    return Port(port.name, lengths, {"float": "float32", "double": "float64"}.get(kind, kind))
