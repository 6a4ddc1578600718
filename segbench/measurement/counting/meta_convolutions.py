"""Convolutions that the tracer sees on the meta device.

On a real device the tracer records a convolution inside its kernel, as ``aten::_convolution``. The
meta kernel has no such inside: without this mode, the tracer fails there. So the mode calls
``_convolution`` itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PerAxis: TypeAlias = "int | Sequence[int]"


class MetaConvolutions(TorchFunctionMode):
    """While active, convolutions run as the operator that the tracer records.

    >>> images, weight = torch.zeros(1, 3, 8, 8, device="meta"), torch.zeros(4, 3, 3, 3).to("meta")
    >>> with MetaConvolutions():
    ...     torch.conv2d(images, weight, padding=1).shape
    torch.Size([1, 4, 8, 8])
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Call the function, or what stands for it."""
        return _REPLACED.get(func, func)(*args, **(kwargs or {}))


def _convolve(
    input: Tensor,  # noqa: A002 - torch's name
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Tensor:
    return _run(input, weight, bias, stride, padding, dilation, None, groups)


def _convolve_transposed(
    input: Tensor,  # noqa: A002 - torch's name
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Tensor:
    return _run(input, weight, bias, stride, padding, dilation, output_padding, groups)


def _run(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: PerAxis,
    padding: PerAxis,
    dilation: PerAxis,
    output_padding: PerAxis | None,
    groups: int,
) -> Tensor:
    axes = weight.dim() - 2
    if isinstance(padding, str) or images.dim() != weight.dim() or weight.is_complex():
        raise NotImplementedError(
            "padding by name, no batch axis, or complex weights: the real device does these"
        )
    return torch._convolution(  # noqa: SLF001 - what torch.conv2d becomes in a trace
        images,
        weight,
        bias,
        _for_every_axis(stride, axes),
        _for_every_axis(padding, axes),
        _for_every_axis(dilation, axes),
        output_padding is not None,
        _for_every_axis(output_padding or 0, axes),
        groups,
        benchmark=False,
        deterministic=False,
        cudnn_enabled=False,
        allow_tf32=False,
    )


def _for_every_axis(value: PerAxis, axes: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * axes if len(values) == 1 else values


_REPLACED: dict[Any, Callable[..., Any]] = {
    torch.conv1d: _convolve,
    torch.conv2d: _convolve,
    torch.conv3d: _convolve,
    torch.conv_transpose1d: _convolve_transposed,
    torch.conv_transpose2d: _convolve_transposed,
    torch.conv_transpose3d: _convolve_transposed,
}
