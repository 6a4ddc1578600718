"""Operators that hold several products: attention, whole transformer layers, bilinear forms.

Attention with queries (..., L, E), keys (..., S, E) and values (..., S, V) has L x S scores for
each of its heads. Forward it is two products, of queries with keys and of scores with values.
Backward it is four, two for each of these. A fused kernel computes the scores a second time in its
backward pass; that is not counted, so that the count is the same for every kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from segbench.measurement.counting.operator_call import OperatorCall

SOFTMAX, SOFTMAX_BACKWARD = 5, 4  # flops of an element, as elsewhere
LAYER_NORM = 6
RELU, GELU = 1, 5


class Work(NamedTuple):
    """Multiply-accumulates, and flops of all else."""

    macs: int
    elementary: int


def _scores(call: OperatorCall) -> int:
    query, key = call.tensor("query"), call.tensor("key")
    return query.size // query.shape[-1] * key.shape[-2]


def _widths(call: OperatorCall) -> int:
    return call.tensor("query").shape[-1] + call.tensor("value").shape[-1]


def _scaling(call: OperatorCall) -> int:
    """Queries and keys are each scaled by the root of the scale."""
    return call.tensor("query").size + call.tensor("key").size


def _attention(call: OperatorCall) -> Work:
    scores, arguments = _scores(call), call.arguments
    masked = any(arguments.get(name) is not None for name in ("attn_mask", "attn_bias"))
    each = SOFTMAX + (masked or bool(arguments.get("is_causal")))
    each += 2 if arguments.get("dropout_p") else 0
    return Work(scores * _widths(call), each * scores + _scaling(call))


def _attention_backward(call: OperatorCall) -> Work:
    scores = _scores(call)
    each = SOFTMAX_BACKWARD + (1 if call.arguments.get("dropout_p") else 0)
    return Work(2 * scores * _widths(call), each * scores + _scaling(call))


def _multi_head_attention(call: OperatorCall) -> Work:
    """Projections of (batch, tokens, width), attention of every head, the output's projection."""
    batch, queries, width = call.tensor("query").shape
    keys = call.tensor("key").shape[1]
    (heads,) = call.integers("num_head")
    attention = _heads(batch, queries, keys, width, heads, masked=_is_given(call, "mask"))
    projected = batch * (queries + 2 * keys) * width
    averaged = call.arguments.get("need_weights") and call.arguments.get("average_attn_weights")
    return Work(
        projected * width + attention.macs + batch * queries * width * width,
        projected
        + attention.elementary
        + batch * queries * width
        + (batch * heads * queries * keys if averaged else 0),
    )


def _transformer_layer(call: OperatorCall) -> Work:
    """Attention and two linear layers, each with its norm and the addition of what came in."""
    batch, tokens, width = call.tensor("src").shape
    (heads,) = call.integers("num_heads")
    hidden = call.tensor("ffn_weight_1").shape[0]
    attention = _heads(batch, tokens, tokens, width, heads, masked=_is_given(call, "mask"))
    values = batch * tokens * width
    activation = GELU if call.arguments["use_gelu"] else RELU
    return Work(
        4 * values * width + attention.macs + 2 * values * hidden,
        attention.elementary
        + (4 + 1) * values  # biases of the projections and of the last layer
        + (1 + activation) * batch * tokens * hidden
        + 2 * (LAYER_NORM + 1) * values,
    )


def _heads(batch: int, queries: int, keys: int, width: int, heads: int, *, masked: bool) -> Work:
    scores = batch * heads * queries * keys
    scaled = batch * (queries + keys) * width
    return Work(2 * scores * (width // heads), (SOFTMAX + masked) * scores + scaled)


def _is_given(call: OperatorCall, name: str) -> bool:
    return call.arguments.get(name) is not None


def _bilinear(call: OperatorCall) -> Work:
    """Every pair of inputs meets a weight of every output: a multiplication, and a MAC."""
    left = call.tensor("input1").size // call.tensor("input1").shape[-1]
    pairs = left * call.tensor("weight").size
    return Work(pairs, pairs + (call.result.size if _is_given(call, "bias") else 0))


def _trilinear(call: OperatorCall) -> Work:
    """The same product as torch runs it: three tensors, each expanded along some axes."""
    lengths: dict[int, int] = {}
    for number in "123":
        shape = list(call.tensor(f"i{number}").shape)
        for axis in sorted(call.integers(f"expand{number}")):
            shape.insert(axis, 1)
        for axis, length in enumerate(shape):
            lengths[axis] = max(lengths.get(axis, 1), length)
    pairs = 1
    for length in lengths.values():
        pairs *= length
    return Work(pairs, pairs)


FUSED: dict[str, tuple[str, Callable[[OperatorCall], Work]]] = {
    **{
        f"{name}{which}": ("attention", rule)
        for name in (
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_efficient_attention",
            "_scaled_dot_product_cudnn_attention",
        )
        for which, rule in (("", _attention), ("_backward", _attention_backward))
    },
    "scaled_dot_product_attention": ("attention", _attention),
    "_native_multi_head_attention": ("attention", _multi_head_attention),
    "_transformer_encoder_layer_fwd": ("attention", _transformer_layer),
    "bilinear": ("bilinear form", _bilinear),
    "_trilinear": ("bilinear form", _trilinear),
}
"""Rules of both counters, by an operator's bare name: the operation, and its work."""
