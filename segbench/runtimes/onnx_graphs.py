"""ONNX files, written from a network and run by ONNX Runtime."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import onnx

from segbench.runtimes import GraphCounts, Port
from segbench.runtimes.graph_counting import add_up
from segbench.runtimes.graph_files import GRAPH_KEY, check_is_file, damaged
from segbench.runtimes.onnx_operations import count_macs, shapes_of
from segbench.runtimes.onnxruntime import OnnxruntimeSession, export, start

if TYPE_CHECKING:
    from pathlib import Path

    import onnxruntime as ort
    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec

SUFFIX = ".onnx"


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
    sizes = [math.prod(each.dims) for each in weights]
    kinds = [onnx.helper.tensor_dtype_to_np_dtype(each.data_type) for each in weights]
    shapes = shapes_of(graph)
    macs, uncounted = add_up(count_macs(node, shapes) for node in graph.node)
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


def _is_weight(tensor: Any) -> bool:  # noqa: ANN401 - onnx's message
    """Tell whether a constant is a weight: of numbers with a point, or of 8 bits, and no scalar."""
    kinds = onnx.TensorProto
    weights = (kinds.FLOAT, kinds.FLOAT16, kinds.BFLOAT16, kinds.DOUBLE, kinds.INT8, kinds.UINT8)
    return tensor.data_type in weights and math.prod(tensor.dims) > 1


def _port(port: Any) -> Port:  # noqa: ANN401 - the engine's
    kind = port.type.removeprefix("tensor(").removesuffix(")")
    lengths = tuple(each if isinstance(each, int) else None for each in port.shape)
    return Port(port.name, lengths, {"float": "float32", "double": "float64"}.get(kind, kind))
