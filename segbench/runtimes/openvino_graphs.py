"""OpenVINO's IR, written from a network, and graph files that OpenVINO runs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import openvino as ov

from segbench.errors import SegbenchError
from segbench.runtimes import GraphCounts, Port
from segbench.runtimes.graph_counting import add_up
from segbench.runtimes.graph_files import GRAPH_KEY, check_is_file, damaged
from segbench.runtimes.openvino import OpenvinoSession, convert, start
from segbench.runtimes.openvino_operations import count_macs

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec

SUFFIX = ".xml"
WEIGHTS = (ov.Type.f16, ov.Type.bf16, ov.Type.f32, ov.Type.f64, ov.Type.i8, ov.Type.u8)


class OpenvinoGraph(OpenvinoSession):
    """A compiled graph of a file."""

    def __init__(self, compiled: ov.CompiledModel, graph: ov.Model) -> None:
        super().__init__(compiled)
        self.inputs = tuple(map(_port, graph.inputs))
        self.outputs = tuple(map(_port, graph.outputs))


def write(model: nn.Module, images: Tensor, path: Path, *, about: str) -> None:
    """Write a model as an ``.xml`` file with its ``.bin``, in single precision."""
    graph = convert(model, images)
    graph.set_rt_info(about, [GRAPH_KEY])
    ov.save_model(graph, path, compress_to_fp16=False)


def read(path: Path, spec: RuntimeSpec, shape: tuple[int, ...] | None) -> OpenvinoGraph:
    """Return a session of a file; see :class:`segbench.runtimes.Graphs`."""
    core = ov.Core()
    graph = _load(core, path)
    as_it_is = _load(core, path)
    try:
        if shape is not None and len(graph.inputs) == 1:
            _fix(graph, shape)
        return OpenvinoGraph(start(graph, spec), as_it_is)
    except SegbenchError:
        raise
    except Exception as error:  # of many types, for what is damaged or not known to it
        raise damaged(path, error) from error


def count(path: Path, shape: tuple[int, ...]) -> GraphCounts:
    """Count what a file holds; see :class:`segbench.runtimes.Graphs`."""
    graph = _load(ov.Core(), path)
    if len(graph.inputs) == 1:
        _fix(graph, shape)
    weights = [
        each
        for each in graph.get_ops()
        if each.get_type_name() == "Constant"
        and each.get_element_type() in WEIGHTS
        and each.get_output_size() == 1
        and _elements(each) > 1
    ]
    macs, uncounted = add_up(map(count_macs, graph.get_ops()))
    return GraphCounts(
        params=sum(map(_elements, weights)),
        weights_bytes=sum(_elements(each) * each.get_element_type().size for each in weights),
        macs=macs,
        uncounted=uncounted,
    )


def _load(core: ov.Core, path: Path) -> ov.Model:
    check_is_file(path)
    if path.suffix == SUFFIX:
        check_is_file(path.with_suffix(".bin"))
    try:
        return core.read_model(path)
    except Exception as error:  # as above
        raise damaged(path, error) from error


def _fix(graph: ov.Model, shape: tuple[int, ...]) -> None:
    """Give lengths of the images that are not fixed those of a shape."""
    [images] = graph.inputs
    lengths = images.get_partial_shape()
    if images.get_partial_shape().is_dynamic and (
        lengths.rank.is_dynamic or lengths.rank.get_length() == len(shape)
    ):
        fixed = [
            shape[at]
            if lengths.rank.is_dynamic or lengths[at].is_dynamic
            else lengths[at].get_length()
            for at in range(len(shape))
        ]
        graph.reshape(fixed)


def _elements(constant: Any) -> int:  # noqa: ANN401 - the engine's node
    return math.prod(constant.output(0).get_shape())


def _port(port: Any) -> Port:  # noqa: ANN401 - the engine's
    shape = port.get_partial_shape()
    lengths = (
        None
        if shape.rank.is_dynamic
        else tuple(None if each.is_dynamic else each.get_length() for each in shape)
    )
    kind = port.get_element_type().to_dtype().name
    return Port(port.any_name if port.names else "", lengths, kind)
