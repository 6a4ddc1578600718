"""OpenVINO on the CPU: the network converted, compiled for one stream, and inferred."""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import openvino as ov
import torch
from openvino import properties
from openvino.frontend import OpConversionFailure
from openvino.properties import hint

from segbench.errors import UsageError
from segbench.results.candidate import DTYPES
from segbench.runtimes.model import set_mode
from zoo.exporting import exporting

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec

# What is in no other precision is computed in this one.
TYPES = {"fp32": ov.Type.f32, "bf16": ov.Type.bf16, "int8": ov.Type.f32}
MULTIPLIES = ("Convolution", "Deconvolution", "FullyConnected", "MatMul")


@dataclass(frozen=True)
class FedRequest:
    """A request, and the images in whose memory its input lies, which else would be freed."""

    request: ov.InferRequest
    images: Tensor


class OpenvinoSession:
    """A compiled model, with a request for each input, in whose memory its output lies."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._compiled = compiled
        self.dtype = _dtype_of(compiled)

    def feed(self, images: Tensor) -> FedRequest:
        """Return a request for the images, whose memory it shares."""
        request, held = self._compiled.create_infer_request(), images.contiguous()
        request.set_input_tensor(ov.Tensor(held.numpy(), shared_memory=True))
        return FedRequest(request, held)

    def run(self, batch: FedRequest) -> FedRequest:
        """Infer; the output lies in the request, until that is run again."""
        batch.request.infer(share_outputs=True)  # or it would copy them
        return batch

    def output(self, found: FedRequest) -> Tensor:
        """Return a copy as a tensor."""
        return torch.from_numpy(found.request.get_output_tensor().data.copy())


def prepare(
    model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None
) -> OpenvinoSession:
    """Convert the model, or take what is stored of it, and compile it.

    Raises:
        UsageError: the engine lacks an operator, or computes with another precision than was asked
            for.
    """
    return OpenvinoSession(start(graph_of(model, images, spec, store), spec))


def start(graph: ov.Model, spec: RuntimeSpec) -> ov.CompiledModel:
    """Compile a graph.

    Raises:
        UsageError: the engine computes with another precision than was asked for.
    """
    compiled = ov.Core().compile_model(graph, "CPU", engine_options(spec))
    dtype = _dtype_of(compiled)
    if dtype != DTYPES[spec.precision]:
        raise UsageError(
            f"runtime 'openvino' was asked for {spec.precision} and computes with {dtype} "
            "on this CPU; ask for that, or leave this precision out"
        )
    return compiled


def _convert(model: nn.Module, images: Tensor) -> ov.Model:
    try:
        return ov.convert_model(model, example_input=images, input=[list(images.shape)])
    except OpConversionFailure as error:
        missing = re.search(r"No conversion rule found for operations: (.+)", str(error))
        if missing is None:
            raise
        raise UsageError(
            f"runtime 'openvino' has no operator {missing[1]}; measure the network in another"
        ) from error


def convert(model: nn.Module, images: Tensor) -> ov.Model:
    """Return the model converted for images of this shape, in single precision."""
    set_mode(model, training=False)
    with torch.no_grad(), exporting(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about itself
        return _convert(model, images)


def graph_of(
    model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None = None
) -> ov.Model:
    """Return the graph that is compiled for a precision, or what is stored of it."""
    path = None if store is None else store.with_suffix(".xml")
    if path is not None and path.exists():
        return ov.Core().read_model(path)
    graph = convert(model, images)
    if spec.precision == "int8":
        from segbench.runtimes.openvino_int8 import drawn_images, quantise  # noqa: PLC0415

        batch, channels, height, width = images.shape
        graph = quantise(graph, list(drawn_images((batch, channels, height, width))))
    if path is not None:
        _store(graph, path)
    return graph


def engine_options(spec: RuntimeSpec) -> dict[str, Any]:
    """Return what a model is compiled with: one stream, as many threads as torch has."""
    return {
        # Unset, the plugin takes bf16 wherever the CPU has it.
        hint.inference_precision: TYPES[spec.precision],
        hint.performance_mode: hint.PerformanceMode.LATENCY,
        properties.num_streams: 1,
        properties.inference_num_threads: torch.get_num_threads(),
        # Two processes that pin their threads would pin them to the same cores.
        hint.enable_cpu_pinning: False,
    }


def _store(graph: ov.Model, path: Path) -> None:
    """Store a model, whole or not at all: its weights get their name before its graph does."""
    partial = path.with_name(f"{path.stem}-{os.getpid()}.xml")
    ov.save_model(graph, partial, compress_to_fp16=False)
    partial.with_suffix(".bin").rename(path.with_suffix(".bin"))
    partial.rename(path)


def _dtype_of(compiled: ov.CompiledModel) -> str:
    """Return the precision that the engine says it computes with, by torch's name.

    It is int8 where anything is that multiplies; the engine's own hint is of what is not.
    """
    for node in compiled.get_runtime_model().get_ops():
        is_small = told(node, "runtimePrecision") in {"i8", "u8"}
        if is_small and told(node, "layerType") in MULTIPLIES:
            return "int8"
    kind = compiled.get_property(hint.inference_precision)
    return {ov.Type.f32: "float32", ov.Type.bf16: "bfloat16", ov.Type.f16: "float16"}.get(
        kind, str(kind)
    )


def told(executed: ov.Node, key: str) -> str:
    """Return what the engine says of a node that it executes; an empty text where it does not."""
    said = executed.get_rt_info()
    return str(said[key].astype(str)) if key in said else ""
