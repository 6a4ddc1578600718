"""Operator costs: features of a latency, counted without building the network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from numbers import Integral
from typing import Literal, NamedTuple

LayerKind = Literal[
    "pointwise", "standard", "depthwise", "up", "depthwise-up", "norm", "elementwise"
]


# With AVX-512 oneDNN packs a tensor's channels by sixteen before a convolution, and unpacks them
# after it. Slower code does so where the last pack is not full: "jit:uni" instead of "jit:blk" in
# the list of ONEDNN_VERBOSE=1. With AVX2 (ONEDNN_MAX_CPU_ISA=AVX2) packs have eight channels, which
# widths in steps of eight always fill.
PACK = 16
CACHED_LAYERS = 1 << 16  # a search asks for millions, of which few differ


class Layer(NamedTuple):
    """An operator. It is a tuple because a search reads thousands before each proposal.

    Attributes:
        macs: multiply-accumulates.
        values: numbers read and written, of the input, the output and the weights.
        params: learnable parameters.
        ragged: values in tensors whose channels do not fill packs of sixteen.
    """

    kind: LayerKind
    macs: int
    values: int
    params: int = 0
    ragged: int = 0


@lru_cache(CACHED_LAYERS)
def conv(
    channels: int,
    outputs: int,
    pixels: int,
    *,
    kernel: int = 1,
    groups: int = 1,
    entering: int | None = None,
    bias: bool = False,
) -> Layer:
    """Return a convolution.

    Args:
        pixels: of the output, height times width.
        entering: pixels of the input; None for as many.

    >>> conv(16, 64, 100)
    Layer(kind='pointwise', macs=102400, values=9024, params=1024, ragged=0)
    """
    weights = channels * outputs * kernel * kernel // groups
    kind: LayerKind = "depthwise" if groups > 1 else "pointwise" if kernel == 1 else "standard"
    read, written = channels * (pixels if entering is None else entering), outputs * pixels
    return Layer(
        kind,
        macs=weights * pixels,
        values=read + written + weights,
        params=weights + bias * outputs,
        ragged=_ragged(channels, outputs, read, written, weights),
    )


@lru_cache(CACHED_LAYERS)
def up(
    channels: int, outputs: int, pixels: int, *, kernel: int = 2, times: int = 2, groups: int = 1
) -> Layer:
    """Return a transposed convolution that enlarges a map by a factor.

    Args:
        pixels: of the input.

    >>> up(16, 8, 100)
    Layer(kind='up', macs=51200, values=5312, params=512, ragged=3712)
    """
    weights = channels * outputs * kernel * kernel // groups
    read, written = channels * pixels, outputs * pixels * times * times
    return Layer(
        "depthwise-up" if groups > 1 else "up",
        macs=weights * pixels,
        values=read + written + weights,
        params=weights,
        ragged=_ragged(channels, outputs, read, written, weights),
    )


def _ragged(channels: int, outputs: int, read: int, written: int, weights: int) -> int:
    """Return the values of a convolution in tensors that do not fill packs."""
    entering, leaving = channels % PACK != 0, outputs % PACK != 0
    return read * entering + written * leaving + weights * (entering or leaving)


@lru_cache(CACHED_LAYERS)
def norm(channels: int, pixels: int) -> Layer:
    """Return a batch norm."""
    return Layer("norm", 0, 2 * channels * pixels, 2 * channels)


@lru_cache(CACHED_LAYERS)
def elementwise(read: int, written: int) -> Layer:
    """Return a ReLU, a concatenation or a pooling, by the numbers that it reads and writes."""
    return Layer("elementwise", 0, read + written)


KINDS: tuple[LayerKind, ...] = (
    "pointwise", "standard", "depthwise", "up", "depthwise-up", "norm", "elementwise",
)  # fmt: skip
RAGGED = 2 * len(KINDS)  # index of the ragged values among the features
MAX_EXACT = 1 << 53  # whole number that a float holds exactly


@lru_cache(CACHED_LAYERS)
def is_layer(found: object) -> bool:
    """Tell whether an object of a study is an operator whose cost can be predicted.

    >>> is_layer(conv(16, 64, 100)), is_layer(conv(16, -64, 100)), is_layer("conv")
    (True, False, False)
    """
    return (
        isinstance(found, Layer)
        and found.kind in KINDS
        and all(isinstance(number, Integral) and 0 <= number < MAX_EXACT for number in found[1:])
    )


def features(layers: Sequence[Layer]) -> list[float]:
    """Return the features of a network.

    These are MACs and values of each kind of operator, in turns, then the ragged values of all, in
    millions each, and at last the number of layers.

    >>> features([conv(16, 64, 100)])[:2]
    [0.1024, 0.009024]
    """
    macs, values = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for layer in layers:
        macs[layer.kind] += layer.macs
        values[layer.kind] += layer.values
    found = [count / 1e6 for kind in KINDS for count in (macs[kind], values[kind])]
    return [*found, sum(layer.ragged for layer in layers) / 1e6, float(len(layers))]
