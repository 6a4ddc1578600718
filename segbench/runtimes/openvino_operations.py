"""Operators of an OpenVINO graph: their shapes, and their multiply-accumulates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.runtimes.graph_counting import Counted, convolution_macs, matmul_macs

if TYPE_CHECKING:
    import openvino as ov

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
"""Operators that may hold products, and have no rule here."""


def shape_of(output: ov.Output) -> tuple[int, ...] | None:
    """Return a shape; None of one that is known in an inference alone."""
    found = output.get_partial_shape()
    return None if found.is_dynamic else tuple(found.to_shape())


def count_macs(operator: ov.Node) -> Counted:
    """Count the multiply-accumulates of an operator."""
    kind = operator.get_type_name()
    if kind in UNCOUNTED:
        return Counted(kind, None, has_rule=False)
    if kind not in {*CONVOLUTIONS, *TRANSPOSED, "MatMul"}:
        return Counted(kind, 0)
    left, right = (shape_of(value) for value in operator.input_values()[:2])
    output = shape_of(operator.output(0))
    if output is None or left is None or right is None:
        return Counted(kind, None)
    if kind in CONVOLUTIONS:
        return Counted(kind, convolution_macs(output, right[CONVOLUTIONS[kind] :]))
    if kind in TRANSPOSED:  # every value of the input meets the weights of its group
        return Counted(kind, convolution_macs(left, right[TRANSPOSED[kind] :]))
    transposed = operator.get_attributes()["transpose_a"] and len(left) > 1
    return Counted(kind, matmul_macs(output, left[-2 if transposed else -1]))
