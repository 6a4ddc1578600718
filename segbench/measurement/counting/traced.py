"""The forward pass, counted by fvcore from the traced graph.

Multiply-accumulates come from closed forms: every element of a convolution's output (of its input,
if transposed) meets the weights of one filter, and every element of a product's output is a row
times a column.
"""

from __future__ import annotations

import warnings
from collections import Counter
from functools import cache
from math import prod
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from segbench.measurement.counting.data_movement import DATA_MOVEMENT
from segbench.measurement.counting.elementary import RULES, flops_of
from segbench.measurement.counting.fused import FUSED
from segbench.measurement.counting.meta_convolutions import MetaConvolutions
from segbench.measurement.counting.operation_count import OperationCount, Tally
from segbench.measurement.counting.operator_call import OperatorCall, TensorShape, bare_name
from segbench.measurement.counting.stand_in import Inputs, counted_on_stand_in, is_meta


class Products(Protocol):
    """The rule of a convolution or a matrix product."""

    def __call__(self, call: OperatorCall) -> tuple[int, int]:
        """Multiply-accumulates and additions of a bias."""


def _convolution(call: OperatorCall) -> tuple[int, int]:
    source = call.tensor("input") if call.arguments.get("transposed") else call.result
    macs = source.size * prod(call.tensor("weight").shape[1:])
    return macs, call.result.size if call.arguments["bias"] is not None else 0


def _linear(call: OperatorCall) -> tuple[int, int]:
    macs = call.result.size * call.tensor("weight").shape[-1]
    return macs, call.result.size if call.arguments["bias"] is not None else 0


def _summed_batch(call: OperatorCall) -> tuple[int, int]:
    macs = call.tensor("batch1").size * call.tensor("batch2").shape[-1]
    return macs, call.result.size


def _product(left: str, *, bias: bool = False) -> Products:
    def macs_and_bias(call: OperatorCall) -> tuple[int, int]:
        size = call.result.size
        return size * call.tensor(left).shape[-1], size if bias else 0

    return macs_and_bias


PRODUCTS: dict[str, tuple[str, Products]] = {
    "_convolution": ("convolution", _convolution),
    "convolution": ("convolution", _convolution),
    "_convolution_mode": ("convolution", _convolution),
    "linear": ("matrix product", _linear),
    "matmul": ("matrix product", _product("self")),
    "mm": ("matrix product", _product("self")),
    "bmm": ("matrix product", _product("self")),
    "mv": ("matrix product", _product("self")),
    "dot": ("matrix product", _product("self")),
    "addmm": ("matrix product", _product("mat1", bias=True)),
    "baddbmm": ("matrix product", _product("batch1", bias=True)),
    "addmv": ("matrix product", _product("mat", bias=True)),
    "addbmm": ("matrix product", _summed_batch),
}
COMPLEX_MACS = 4  # real ones, of a product of complex matrices


def count_forward(model: nn.Module, inputs: Inputs) -> OperationCount:
    """Count one forward pass in eval mode from the traced graph, with fvcore.

    The model is left as it was. A trace keeps only what an output depends on, on the path that the
    given inputs take. Wherever it can, the trace runs on the meta device: no weight is
    copied and nothing is computed.

    Args:
        model: a module that ``torch.jit`` can trace: tensors in, tensors out.
        inputs: one tensor or several.

    Raises:
        RuntimeError: the model cannot be traced; ``count_forward_by_dispatch`` can count it.

    >>> convolution = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    >>> count_forward(convolution, torch.zeros(1, 3, 32, 32)).macs
    221184
    """
    return counted_on_stand_in(model, inputs, _count_trace)


def _count_trace(model: nn.Module, inputs: tuple[Tensor, ...]) -> OperationCount:
    with torch.no_grad():
        if not is_meta(model, inputs):
            return _analyse(model, inputs)
        with MetaConvolutions():
            return _analyse(model, inputs)


def _analyse(model: nn.Module, inputs: tuple[Tensor, ...]) -> OperationCount:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fvcore scripts a function on import
        from fvcore.nn.jit_analysis import JitModelAnalysis  # noqa: PLC0415

    analysis = JitModelAnalysis(model, inputs)
    analysis.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
    analysis.tracer_warnings("none")
    for name in PRODUCTS.keys() | FUSED.keys() | RULES.keys() | DATA_MOVEMENT:
        for kind in (f"aten::{name}", f"aten::{name}_"):
            analysis.set_op_handle(kind, _handle)
    analysis._ignored_ops = set()  # noqa: SLF001 - fvcore passes over these in silence
    for kind in ("prim::If", "prim::Loop", "prim::CallMethod"):
        analysis.set_op_handle(kind, _leave_out)  # they hold operators that nobody looks at
    shares: Counter[tuple[str, str]] = analysis.by_operator()
    tally = Tally()
    for operation in {operation for operation, what in shares if what != "uncounted"}:
        tally.add(
            operation,
            calls=shares[operation, "calls"],
            macs=shares[operation, "macs"],
            elementary=shares[operation, "elementary"],
        )
    for (name, what), calls in shares.items():
        if what == "uncounted":
            tally.leave_out(name, calls=calls)
    for name, calls in analysis.unsupported_ops().items():
        tally.leave_out(name, calls=calls)
    return tally.count()


def _handle(inputs: list[Any], outputs: list[Any]) -> Counter[tuple[str, str]]:
    """What one node of the graph contributes, under (operation, what is counted)."""
    node = outputs[0].node()
    name = bare_name(node.kind())
    call = OperatorCall(
        name=node.kind(),
        arguments={
            argument: _value(value)
            for argument, value in zip(_argument_names(node.schema()), inputs, strict=True)
        },
        results=tuple(_shape(value) for value in outputs),
    )
    if name in PRODUCTS:
        operation, products = PRODUCTS[name]
        macs, elementary = products(call)
        if call.is_complex:
            macs, elementary = COMPLEX_MACS * macs, 2 * elementary
    elif name in FUSED:
        operation, rule = FUSED[name]
        macs, elementary = rule(call)
    elif name in DATA_MOVEMENT or not call.computes:
        return Counter()
    else:
        flops = flops_of(call)
        if flops is None:
            return Counter({(node.kind(), "uncounted"): 1})
        operation, macs, elementary = RULES[name].operation, 0, flops
    return Counter(
        {
            (operation, "calls"): 1,
            (operation, "macs"): int(macs),
            (operation, "elementary"): int(elementary),
        }
    )


@cache
def _argument_names(schema: str) -> tuple[str, ...]:
    parsed = torch._C.parse_schema(schema)  # noqa: SLF001 - the only parser there is
    return tuple(argument.name for argument in parsed.arguments)


def _leave_out(_inputs: list[Any], outputs: list[Any]) -> Counter[tuple[str, str]]:
    kind = outputs[0].node().kind() if outputs else "prim::If"
    return Counter({(kind, "uncounted"): 1})


_REAL = frozenset({"Half", "BFloat16", "Float", "Double"})  # as the tracer calls them
_COMPLEX = frozenset({"ComplexHalf", "ComplexFloat", "ComplexDouble"})


def _shape(value: Any) -> TensorShape | None:  # noqa: ANN401 - torch._C.Value
    if not value.isCompleteTensor():
        return None
    scalar = value.type().scalarType()
    return TensorShape(
        tuple(value.type().sizes()),
        floating=scalar in {*_REAL, *_COMPLEX},
        complex=scalar in _COMPLEX,
    )


def _value(value: Any) -> object:  # noqa: ANN401 - torch._C.Value
    """A node's input: a shape, a constant, a list of them, or None for what is not known."""
    if value.node().kind() == "prim::ListConstruct":
        return [_value(item) for item in value.node().inputs()]
    shape = _shape(value)
    constant = value.toIValue()
    if isinstance(constant, Tensor) and constant.is_meta:
        # No weight and no input, so the operators that made it are not in the graph.
        raise RuntimeError("the tracer lost an intermediate result on the meta device")
    if shape is not None:
        return shape
    if isinstance(constant, Tensor):
        return TensorShape(
            tuple(constant.shape),
            floating=constant.is_floating_point() or constant.is_complex(),
            complex=constant.is_complex(),
        )
    return constant
