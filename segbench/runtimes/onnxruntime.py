"""ONNX Runtime on the CPU: the network exported to ONNX, and run by its own kernels."""

from __future__ import annotations

import logging
import os
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import torch

from segbench.errors import UsageError
from segbench.runtimes.model import set_mode
from zoo.exporting import exporting

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec


NUMPY_OF = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
DTYPES_OF = {kind: np.dtype(each).name for kind, each in NUMPY_OF.items()}


@dataclass(frozen=True)
class FedBinding:
    """A binding, and the images in whose memory its input lies, which else would be freed."""

    binding: ort.IOBinding
    images: Tensor


class OnnxruntimeSession:
    """A session whose calls copy neither input nor output: both are bound beforehand."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self._input, self._output = session.get_inputs()[0], session.get_outputs()[0]
        # Its CPU kernels take the types of the graph, and change none.
        self.dtype = DTYPES_OF.get(self._input.type, self._input.type)

    def feed(self, images: Tensor) -> FedBinding:
        """Return a binding of the images, whose memory it shares, and of an output of its own."""
        binding, held = self._session.io_binding(), images.contiguous()
        binding.bind_cpu_input(self._input.name, held.numpy())
        shape = self._output.shape
        kind = NUMPY_OF.get(self._output.type)
        if kind is not None and all(isinstance(length, int) for length in shape):
            value = ort.OrtValue.ortvalue_from_shape_and_type(shape, kind)
            binding.bind_ortvalue_output(self._output.name, value)
        else:  # the graph does not tell the size of what it returns, or it is of a rare type
            binding.bind_output(self._output.name)
        return FedBinding(binding, held)

    def run(self, batch: FedBinding) -> FedBinding:
        """Run; the output lies in the binding, until that is run again."""
        self._session.run_with_iobinding(batch.binding)
        return batch

    def output(self, found: FedBinding) -> Tensor:
        """Return a copy as a tensor."""
        return torch.from_numpy(found.binding.get_outputs()[0].numpy().copy())


def prepare(
    model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None
) -> OnnxruntimeSession:
    """Export the model, or take what is stored of it, and make a session."""
    del spec  # fp32 is all that its CPU kernels have for these networks
    return OnnxruntimeSession(start(exported(model, images, store)))


def exported(model: nn.Module, images: Tensor, store: Path | None) -> bytes:
    """Return the model exported to ONNX, or what is stored of it."""
    set_mode(model, training=False)
    path = None if store is None else store.with_suffix(".onnx")
    if path is not None and path.exists():
        return path.read_bytes()
    graph: bytes = export(model, images).SerializeToString()
    if path is not None:
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_bytes(graph)
        partial.rename(path)
    return graph


def start(graph: bytes | str) -> ort.InferenceSession:
    """Return a session of a graph, or of its file."""
    return ort.InferenceSession(graph, engine_options(), providers=["CPUExecutionProvider"])


def engine_options() -> ort.SessionOptions:
    """Return what a session is made with: as many threads as torch has."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    # Threads that spin while another process computes would take its time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def export(model: nn.Module, images: Tensor) -> Any:  # noqa: ANN401 - onnx's message
    """Return the model as an ONNX message."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad(), exporting():
        warnings.simplefilter("ignore")  # of the exporter, about its own code
        try:
            program = torch.onnx.export(model, (images,), dynamo=True, verbose=False)
        except torch.onnx.OnnxExporterError as error:
            missing = re.search(r"No ONNX function found for <OpOverload\(op='(.+?)'", str(error))
            if missing is None:
                raise
            said = f"runtime 'onnxruntime' has no operator {missing[1]}"
            raise UsageError(f"{said}; measure the network in another") from error
    assert program is not None  # noqa: S101 - without a path it is returned
    return program.model_proto
