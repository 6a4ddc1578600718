"""Operations counted as they are dispatched: forward, and the same instrument for backward.

Multiply-accumulates come from the formulas of ``torch.utils.flop_counter`` (2 flops each), with one
correction: torch 2.13 takes a convolution's weight gradient for dense, whatever its groups. What it
has no formula for, or one for GPUs alone, has a rule here or in ``fused``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from segbench.measurement.counting.data_movement import DATA_MOVEMENT
from segbench.measurement.counting.elementary import RULES, flops_of
from segbench.measurement.counting.fused import FUSED
from segbench.measurement.counting.operation_count import OperationCount, Tally
from segbench.measurement.counting.operator_call import OperatorCall, TensorShape
from segbench.measurement.counting.stand_in import Inputs, counted_on_stand_in

aten = torch.ops.aten
Arguments: TypeAlias = Mapping[str, Any]


def _forward_macs(operator: Any, arguments: Arguments, result: Any) -> int:  # noqa: ANN401
    factors = [value for name, value in arguments.items() if name not in {"alpha", "beta"}]
    return int(flop_registry[operator](*factors, out_val=result)) // 2


def _backward_macs(operator: Any, arguments: Arguments, result: Any) -> int:  # noqa: ANN401
    wants_input, wants_weight, _ = arguments["output_mask"]
    of_input = _forward_macs(
        operator, {**arguments, "output_mask": (wants_input, False, False)}, result
    )
    of_weight = _forward_macs(
        operator, {**arguments, "output_mask": (False, wants_weight, False)}, result
    )
    return of_input + of_weight // int(arguments["groups"])


def _vector_macs(_operator: Any, arguments: Arguments, _result: Any) -> int:  # noqa: ANN401
    return int(arguments["self"].numel())  # torch has no formula for these


def _matrix_vector_macs(_operator: Any, arguments: Arguments, _result: Any) -> int:  # noqa: ANN401
    return int(arguments["mat"].numel())


def _summed_batch_macs(_operator: Any, arguments: Arguments, _result: Any) -> int:  # noqa: ANN401
    return int(arguments["batch1"].numel()) * int(arguments["batch2"].shape[-1])


def _no_bias(_arguments: Arguments, _result: Any) -> int:  # noqa: ANN401
    return 0


def _convolution_bias(arguments: Arguments, result: Any) -> int:  # noqa: ANN401
    return int(result.numel()) if arguments["bias"] is not None else 0


def _product_bias(_arguments: Arguments, result: Any) -> int:  # noqa: ANN401
    return int(result.numel())


def _convolution_bias_gradient(arguments: Arguments, _result: Any) -> int:  # noqa: ANN401
    gradient = arguments["grad_output"]
    return int(gradient.numel() - gradient.shape[1]) if arguments["output_mask"][2] else 0


PRODUCTS: dict[
    Any,
    tuple[str, Callable[[Any, Arguments, Any], int], Callable[[Arguments, Any], int]],
] = {
    aten.convolution: ("convolution", _forward_macs, _convolution_bias),
    aten._convolution: ("convolution", _forward_macs, _convolution_bias),  # noqa: SLF001 - of traces
    aten.convolution_backward: ("convolution", _backward_macs, _convolution_bias_gradient),
    aten.mm: ("matrix product", _forward_macs, _no_bias),
    aten.bmm: ("matrix product", _forward_macs, _no_bias),
    aten.mv: ("matrix product", _vector_macs, _no_bias),
    aten.dot: ("matrix product", _vector_macs, _no_bias),
    aten.addmm: ("matrix product", _forward_macs, _product_bias),
    aten.baddbmm: ("matrix product", _forward_macs, _product_bias),
    aten.addmv: ("matrix product", _matrix_vector_macs, _product_bias),
    aten.addbmm: ("matrix product", _summed_batch_macs, _product_bias),
}
COMPLEX_MACS = 4  # real ones, of a product of complex matrices


class DispatchCounter(TorchDispatchMode):
    """While active, adds every operator that runs to the tallies that ``tallies`` names then.

    >>> tally = Tally()
    >>> with DispatchCounter(lambda: [tally]):
    ...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
    >>> tally.count().macs
    24
    """

    def __init__(self, tallies: Callable[[], Iterable[Tally]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tallies = tallies

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - torch._ops.OpOverload
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run the operator and count it."""
        arguments = _by_name(func, args, kwargs or {})
        call = _described(func, arguments)  # before the call: resizing operators change shapes
        result = func(*args, **(kwargs or {}))
        for tally in self._tallies():
            _add(tally, func, arguments, call, result)
        return result


def count_forward_by_dispatch(model: nn.Module, inputs: Inputs) -> OperationCount:
    """Count one forward pass in eval mode from the operators that torch dispatches.

    Nothing is traced, so Python that depends on data and outputs of any kind are fine. The count
    shares no formula for convolutions and products with ``count_forward``.

    Args:
        model: any module; it is left as it was.
        inputs: one tensor or several.

    >>> convolution = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    >>> count_forward_by_dispatch(convolution, torch.zeros(1, 3, 32, 32)).macs
    221184
    """
    return counted_on_stand_in(model, inputs, _count_dispatched)


def _count_dispatched(model: nn.Module, inputs: tuple[Tensor, ...]) -> OperationCount:
    tally = Tally()
    with torch.no_grad(), DispatchCounter(lambda: [tally]):
        model(*inputs)
    return tally.count()


def _by_name(func: Any, args: tuple[Any, ...], kwargs: Arguments) -> Arguments:  # noqa: ANN401
    """Arguments in the order and by the names of the operator's schema, defaults filled in."""
    names = func._schema.arguments  # noqa: SLF001 - torch's own modes read it so
    given = {argument.name: value for argument, value in zip(names, args, strict=False)} | dict(
        kwargs
    )
    return {argument.name: given.get(argument.name, argument.default_value) for argument in names}


def _described(func: Any, arguments: Arguments) -> OperatorCall:  # noqa: ANN401
    described = {name: _shapes(value) for name, value in arguments.items()}
    return OperatorCall(name=func._schema.name, arguments=described, results=())  # noqa: SLF001


def _add(tally: Tally, func: Any, arguments: Arguments, call: OperatorCall, result: Any) -> None:  # noqa: ANN401
    products = PRODUCTS.get(func.overloadpacket)
    if products is not None:
        operation, macs, bias = products
        real, pairs = (COMPLEX_MACS, 2) if call.is_complex else (1, 1)
        tally.add(
            operation,
            macs=real * macs(func.overloadpacket, arguments, result),
            elementary=pairs * bias(arguments, result),
        )
    elif not call.name.startswith("aten::"):
        tally.leave_out(call.name)
    elif call.bare_name not in DATA_MOVEMENT:
        results = result if isinstance(result, (tuple, list)) else (result,)
        shapes = tuple(_shape(item) if isinstance(item, Tensor) else None for item in results)
        whole = OperatorCall(name=call.name, arguments=call.arguments, results=shapes)
        _add_by_shape(tally, whole)


def _add_by_shape(tally: Tally, call: OperatorCall) -> None:
    name = call.bare_name
    if name in FUSED:
        operation, rule = FUSED[name]
        work = rule(call)
        tally.add(operation, macs=work.macs, elementary=work.elementary)
    elif name in RULES and not call.computes:
        return
    elif (flops := flops_of(call)) is not None:
        tally.add(RULES[name].operation, elementary=flops)
    else:
        tally.leave_out(call.name)


def _shape(tensor: Tensor) -> TensorShape:
    return TensorShape(
        tuple(tensor.shape),
        floating=tensor.is_floating_point() or tensor.is_complex(),
        complex=tensor.is_complex(),
    )


def _shapes(value: object) -> object:
    if isinstance(value, Tensor):
        return _shape(value)
    if isinstance(value, (list, tuple)):
        return [_shapes(item) for item in value]
    return value
