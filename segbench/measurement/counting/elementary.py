"""The table of elementary arithmetic: what an operator costs that is no convolution or product.

The unit is one addition, multiplication, division, comparison, exponential, logarithm, root or
other elementary function of one number. What is done once a channel or once a row (folding a batch
norm's four vectors into scale and shift) is not counted, nor is the arithmetic of sizes: whole
numbers and tensors without a dimension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from segbench.measurement.counting.pooling_windows import (
    adaptively_covered_elements,
    covered_elements,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from segbench.measurement.counting.operator_call import OperatorCall


class Rule(NamedTuple):
    """The operation that an operator belongs to, and the formula of its cost."""

    operation: str
    flops: Callable[[OperatorCall], int]


def each(flops: int) -> Callable[[OperatorCall], int]:
    """A formula: so many for each element of the result."""
    return lambda call: flops * call.result.size


def _of_gradient(flops: int) -> Callable[[OperatorCall], int]:
    """A formula: so many for each element of the gradient that comes in."""
    return lambda call: flops * call.tensor("grad_output").size


def _sum_of_two(call: OperatorCall) -> int:
    return each(1 if call.arguments.get("alpha", 1) == 1 else 2)(call)


def _clamp(call: OperatorCall) -> int:
    return each(sum(call.arguments.get(bound) is not None for bound in ("min", "max")))(call)


def _batch_norm(call: OperatorCall) -> int:
    by_batch = call.arguments.get("training") or call.arguments.get("use_input_stats")
    return (6 if by_batch else 2) * call.result.size


def _batch_norm_backward(call: OperatorCall) -> int:
    wants_input, wants_weight, wants_bias = call.flags("output_mask")
    size = call.tensor("input").size
    if call.arguments["train"]:
        return (9 if wants_input else 5) * size  # both sums are part of the input's gradient
    return (wants_input + 4 * wants_weight + wants_bias) * size


def _covered(call: OperatorCall, source: str, pooled: tuple[int, ...]) -> int:
    shape = call.tensor(source).shape
    kernel = call.integers("kernel_size")
    axes = next(int(mark) for mark in call.bare_name.partition("pool")[2] if mark.isdigit())
    planes = call.tensor(source).size
    for length in shape[-axes:]:
        planes //= length
    return planes * covered_elements(
        shape[-axes:],
        pooled[-axes:],
        kernel=kernel,
        stride=call.integers("stride"),
        padding=call.integers("padding"),
        dilation=call.integers("dilation") if "dilation" in call.arguments else (1,),
    )


def _max_pool(call: OperatorCall) -> int:
    return _covered(call, "self", call.result.shape) - call.result.size


def _avg_pool(call: OperatorCall) -> int:
    return _covered(call, "self", call.result.shape)


def _avg_pool_backward(call: OperatorCall) -> int:
    gradient = call.tensor("grad_output")
    return _covered(call, "self", gradient.shape) + gradient.size


def _adaptively_covered(call: OperatorCall, pooled: tuple[int, ...]) -> int:
    source = call.tensor("self")
    planes = source.size // (source.shape[-1] * source.shape[-2])
    return planes * adaptively_covered_elements(source.shape[-2:], pooled[-2:])


def _adaptive_avg_pool(call: OperatorCall) -> int:
    return _adaptively_covered(call, call.result.shape)


def _adaptive_avg_pool_backward(call: OperatorCall) -> int:
    gradient = call.tensor("grad_output")
    return _adaptively_covered(call, gradient.shape) + gradient.size


def _mean(call: OperatorCall) -> int:
    return call.tensor("self").size


def _reduction(call: OperatorCall) -> int:
    return call.tensor("self").size - call.result.size


def _dropout(call: OperatorCall) -> int:
    return 2 * call.result.size if call.arguments["train"] else 0


def _feature_dropout(call: OperatorCall) -> int:
    shape = call.result.shape
    return call.result.size + shape[0] * shape[1] if call.arguments["train"] else 0


def _gelu(call: OperatorCall) -> int:
    return each(9 if call.arguments.get("approximate") == "tanh" else 5)(call)


def _gelu_backward(call: OperatorCall) -> int:
    return each(18 if call.arguments.get("approximate") == "tanh" else 11)(call)


def _layer_norm_backward(call: OperatorCall) -> int:
    wants_input, wants_weight, wants_bias = call.flags("output_mask")
    normalised = 2 * (wants_input or wants_weight)
    each_element = normalised + 8 * wants_input + 2 * wants_weight + wants_bias
    return each_element * call.tensor("input").size


def flops_of(call: OperatorCall) -> int | None:
    """Return the flops of a call by the table; None where it has no rule.

    Numbers that are complex have rules for sums and products alone: 2 and 6 of real numbers.

    >>> from segbench.measurement.counting.operator_call import TensorShape, OperatorCall
    >>> numbers = TensorShape((4,), floating=True)
    >>> flops_of(OperatorCall("aten::exp", {"self": numbers}, (numbers,)))
    4
    """
    rule = RULES.get(call.bare_name)
    if rule is None:
        return None
    if not call.is_complex:
        return int(rule.flops(call))
    factor = _OF_COMPLEX.get(call.bare_name)
    return None if factor is None else factor * int(rule.flops(call))


_OF_COMPLEX = {"add": 2, "sub": 2, "rsub": 2, "sum": 2, "neg": 2, "mul": 6}


def _rows(operation: str, flops: Callable[[OperatorCall], int], names: str) -> dict[str, Rule]:
    return {name: Rule(operation, flops) for name in names.split()}


RULES: dict[str, Rule] = {
    **_rows(
        "batch norm",
        _batch_norm,
        "batch_norm native_batch_norm _native_batch_norm_legit cudnn_batch_norm instance_norm"
        " _native_batch_norm_legit_no_training",
    ),
    **_rows("batch norm", _batch_norm_backward, "native_batch_norm_backward"),
    **_rows("layer norm", each(6), "layer_norm native_layer_norm group_norm native_group_norm"),
    **_rows(
        "layer norm",
        _layer_norm_backward,
        "native_layer_norm_backward native_group_norm_backward",
    ),
    **_rows("max pooling", _max_pool, "max_pool2d max_pool2d_with_indices max_pool3d"),
    **_rows("max pooling", _max_pool, "max_pool3d_with_indices"),
    **_rows(
        "max pooling",
        _of_gradient(1),
        "max_pool2d_with_indices_backward max_pool3d_with_indices_backward",
    ),
    **_rows("average pooling", _avg_pool, "avg_pool2d avg_pool3d"),
    **_rows("average pooling", _avg_pool_backward, "avg_pool2d_backward avg_pool3d_backward"),
    **_rows("average pooling", _adaptive_avg_pool, "adaptive_avg_pool2d _adaptive_avg_pool2d"),
    **_rows("average pooling", _adaptive_avg_pool_backward, "_adaptive_avg_pool2d_backward"),
    **_rows("average pooling", _mean, "mean"),
    **_rows("bilinear upsampling", each(7), "upsample_bilinear2d"),
    **_rows("bilinear upsampling", _of_gradient(8), "upsample_bilinear2d_backward"),
    **_rows("nearest upsampling", _of_gradient(1), "upsample_nearest2d_backward"),
    **_rows("relu", each(1), "relu threshold_backward"),
    **_rows("hardtanh", each(2), "relu6 hardtanh hardtanh_backward"),
    **_rows("leaky relu", each(2), "leaky_relu leaky_relu_backward prelu _prelu_kernel"),
    **_rows("leaky relu", each(2), "_prelu_kernel_backward"),
    **_rows("sigmoid", each(4), "sigmoid hardsigmoid"),
    **_rows("sigmoid", each(3), "sigmoid_backward hardsigmoid_backward"),
    **_rows("silu", each(5), "silu hardswish hardswish_backward"),
    **_rows("silu", each(9), "silu_backward"),
    **_rows("gelu", _gelu, "gelu"),
    **_rows("gelu", _gelu_backward, "gelu_backward"),
    **_rows("tanh", each(3), "tanh_backward"),
    **_rows("softmax", each(5), "softmax _softmax _safe_softmax log_softmax _log_softmax"),
    **_rows("softmax", each(4), "_softmax_backward_data _log_softmax_backward_data"),
    **_rows("addition", _sum_of_two, "add sub rsub"),
    **_rows("clamp", _clamp, "clamp"),
    **_rows(
        "elementwise",
        each(1),
        "mul div neg abs pow sqrt rsqrt reciprocal exp log sin cos tanh floor ceil round maximum"
        " minimum eq ne lt le gt ge clamp_min clamp_max floor_divide remainder",
    ),
    **_rows("reduction", _reduction, "sum amax amin argmax argmin"),
    **_rows("dropout", _dropout, "dropout"),
    **_rows("dropout", _feature_dropout, "feature_dropout"),
}
