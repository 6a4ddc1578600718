"""What a network does, operator by operator, without building it: what a latency follows from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

LayerKind = Literal[
    "pointwise", "standard", "depthwise", "up", "depthwise-up", "norm", "elementwise"
]


class Layer(NamedTuple):
    """An operator; a tuple, for a search looks at thousands before each proposal.

    Attributes:
        macs: multiply-accumulates.
        values: numbers that are read and written: of the input, the output and the weights.
        params: that are learnt.
    """

    kind: LayerKind
    macs: int
    values: int
    params: int = 0


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
        entering: pixels of the input, where they are others.

    >>> conv(16, 64, 100)
    Layer(kind='pointwise', macs=102400, values=9024, params=1024)
    """
    weights = channels * outputs * kernel * kernel // groups
    kind: LayerKind = "depthwise" if groups > 1 else "pointwise" if kernel == 1 else "standard"
    values = channels * (pixels if entering is None else entering) + outputs * pixels + weights
    return Layer(kind, weights * pixels, values, weights + bias * outputs)


def up(
    channels: int, outputs: int, pixels: int, *, kernel: int = 2, times: int = 2, groups: int = 1
) -> Layer:
    """Return a transposed convolution that makes a map so many times as high and wide.

    Args:
        pixels: of the input.

    >>> up(16, 8, 100)
    Layer(kind='up', macs=51200, values=5312, params=512)
    """
    weights = channels * outputs * kernel * kernel // groups
    values = channels * pixels + outputs * pixels * times * times + weights
    return Layer("depthwise-up" if groups > 1 else "up", weights * pixels, values, weights)


def norm(channels: int, pixels: int) -> Layer:
    """Return a batch norm."""
    return Layer("norm", 0, 2 * channels * pixels, 2 * channels)


def elementwise(read: int, written: int) -> Layer:
    """Return a ReLU, a concatenation or a pooling, by the numbers that it reads and writes."""
    return Layer("elementwise", 0, read + written)


KINDS: tuple[LayerKind, ...] = (
    "pointwise", "standard", "depthwise", "up", "depthwise-up", "norm", "elementwise",
)  # fmt: skip


def features(layers: Sequence[Layer]) -> list[float]:
    """Return sums over layers of each kind, in millions: MACs, values, and the layers themselves.

    >>> features([conv(16, 64, 100)])[:2]
    [0.1024, 0.009024]
    """
    macs, values = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for layer in layers:
        macs[layer.kind] += layer.macs
        values[layer.kind] += layer.values
    found = [count / 1e6 for kind in KINDS for count in (macs[kind], values[kind])]
    return [*found, float(len(layers))]
