"""Operators of an ONNX graph: the shapes that they take, and their multiply-accumulates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from segbench.runtimes.graph_counting import Counted, convolution_macs, matmul_macs

if TYPE_CHECKING:
    import onnx

STANDARD = ("", "ai.onnx")
WEIGHTS_AT = {"Conv": 1, "ConvInteger": 1, "ConvTranspose": 1, "QLinearConv": 3}  # of the inputs
PRODUCTS = ("Gemm", "MatMul", "MatMulInteger", "QLinearMatMul")
UNCOUNTED = frozenset(
    {"Attention", "DeformConv", "Einsum", "GRU", "LSTM", "RNN", "If", "Loop", "Scan"}
)
"""Operators that may hold products, and have no rule here."""

Shapes = Mapping[str, tuple[int, ...] | None]


def shapes_of(graph: onnx.GraphProto) -> dict[str, tuple[int, ...] | None]:
    """Return the shapes of all tensors; None of one that has a side without a length."""
    found: dict[str, tuple[int, ...] | None] = {
        each.name: tuple(each.dims) for each in graph.initializer
    }
    for value in (*graph.input, *graph.value_info, *graph.output):
        if not value.type.tensor_type.HasField("shape"):
            continue
        sides = [
            side.dim_value if side.HasField("dim_value") else None
            for side in value.type.tensor_type.shape.dim
        ]
        known = tuple(side for side in sides if side is not None)
        found[value.name] = known if len(known) == len(sides) else None
    return found


def count_macs(node: onnx.NodeProto, shapes: Shapes) -> Counted:
    """Count the multiply-accumulates of an operator, by the shapes of its tensors."""
    kind = node.op_type
    if node.domain not in STANDARD or kind in UNCOUNTED:
        return Counted(kind, None, has_rule=False)
    if kind not in {*WEIGHTS_AT, *PRODUCTS}:
        return Counted(kind, 0)
    left, output = shapes.get(node.input[0]), shapes.get(node.output[0])
    weights = shapes.get(node.input[WEIGHTS_AT.get(kind, 0)])
    if left is None or output is None or weights is None:
        return Counted(kind, None)
    if kind in WEIGHTS_AT:  # weights are (outputs, inputs in a group, rows, columns)
        # Of a transposed one every value of the input meets the weights of its group.
        values = left if kind == "ConvTranspose" else output
        return Counted(kind, convolution_macs(values, weights[1:]))
    transposed = any(each.name == "transA" and each.i for each in node.attribute)
    return Counted(kind, matmul_macs(output, left[0 if transposed else -1]))
