"""What a network does, operator by operator, without building it: what a latency follows from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

LayerKind = Literal[
    "pointwise", "standard", "depthwise", "up", "depthwise-up", "norm", "elementwise"
]


# With AVX-512 oneDNN packs a tensor's channels by sixteen before a convolution, and unpacks them
# after it. Where the last pack is not full, slower code does that: "jit:uni" instead of "jit:blk"
# in what ONEDNN_VERBOSE=1 lists. With AVX2 (ONEDNN_MAX_CPU_ISA=AVX2) packs have eight, which widths
# in steps of eight always fill.
PACK = 16
REMEMBERED = 1 << 16  # layers; a search asks for millions, of which few differ


class Layer(NamedTuple):
    """An operator; a tuple, for a search looks at thousands before each proposal.

    Attributes:
        macs: multiply-accumulates.
        values: numbers that are read and written: of the input, the output and the weights.
        params: that are learnt.
        ragged: of the values those in tensors whose channels do not fill packs of sixteen.
    """

    kind: LayerKind
    macs: int
    values: int
    params: int = 0
    ragged: int = 0


@lru_cache(REMEMBERED)
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


@lru_cache(REMEMBERED)
def up(
    channels: int, outputs: int, pixels: int, *, kernel: int = 2, times: int = 2, groups: int = 1
) -> Layer:
    """Return a transposed convolution that makes a map so many times as high and wide.

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
    """Return how many of a convolution's values are in tensors that do not fill packs."""
    entering, leaving = channels % PACK != 0, outputs % PACK != 0
    return read * entering + written * leaving + weights * (entering or leaving)


@lru_cache(REMEMBERED)
def norm(channels: int, pixels: int) -> Layer:
    """Return a batch norm."""
    return Layer("norm", 0, 2 * channels * pixels, 2 * channels)


@lru_cache(REMEMBERED)
def elementwise(read: int, written: int) -> Layer:
    """Return a ReLU, a concatenation or a pooling, by the numbers that it reads and writes."""
    return Layer("elementwise", 0, read + written)


KINDS: tuple[LayerKind, ...] = (
    "pointwise", "standard", "depthwise", "up", "depthwise-up", "norm", "elementwise",
)  # fmt: skip
RAGGED = 2 * len(KINDS)  # where ragged values are among the features


def features(layers: Sequence[Layer]) -> list[float]:
    """Return sums over the layers of each kind, in millions, and two numbers of all of them.

    The sums are MACs and values by turns; then follow the ragged values, in millions too, and how
    many layers there are.

    >>> features([conv(16, 64, 100)])[:2]
    [0.1024, 0.009024]
    """
    macs, values = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for layer in layers:
        macs[layer.kind] += layer.macs
        values[layer.kind] += layer.values
    found = [count / 1e6 for kind in KINDS for count in (macs[kind], values[kind])]
    return [*found, sum(layer.ragged for layer in layers) / 1e6, float(len(layers))]
