"""Elements of the input that the windows of a pooling cover, border windows as they are."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def covered_elements(
    size: Sequence[int],
    windows: Sequence[int],
    *,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
) -> int:
    """Sum over all windows of the elements inside the input; padding is not inside.

    Args:
        size: the input's spatial size.
        windows: the output's spatial size: ceil mode shows in it.
        kernel: the window's size; a single number holds for every axis, here and below.
        stride: empty for the kernel's size.
        padding: before the first element of each axis.
        dilation: distance of a window's elements.

    Five columns in ceil mode make windows of 2, 2 and 1; so do five rows:

    >>> covered_elements((5, 5), (3, 3), kernel=(2,), stride=(2,))
    25
    """
    axes = len(size)
    kernel = _for_every_axis(kernel, axes)
    stride = _for_every_axis(stride, axes) if stride else kernel
    padding = _for_every_axis(padding, axes)
    dilation = _for_every_axis(dilation, axes)
    return prod(
        sum(
            0 <= window * stride[axis] - padding[axis] + tap * dilation[axis] < size[axis]
            for window in range(windows[axis])
            for tap in range(kernel[axis])
        )
        for axis in range(axes)
    )


def adaptively_covered_elements(size: Sequence[int], windows: Sequence[int]) -> int:
    """The same for adaptive pooling, whose window i of n spans floor(i s/n) to ceil((i+1) s/n).

    >>> adaptively_covered_elements((5,), (2,))  # 0..2 and 2..4
    6
    """
    return prod(
        sum(-(-(index + 1) * length // count) - index * length // count for index in range(count))
        for length, count in zip(size, windows, strict=True)
    )


def _for_every_axis(values: Sequence[int], axes: int) -> Sequence[int]:
    return tuple(values) * axes if len(values) == 1 else values
