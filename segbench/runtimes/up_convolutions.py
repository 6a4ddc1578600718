"""Up-convolutions of a traced network, each as convolutions at the low resolution and a shuffle.

A transposed convolution whose kernel is as large as its stride makes k x k pixels of each pixel by
itself. So do batch norms and 1x1 convolutions beside it, with k = 1, and all of them are linear:
together they are one 1x1 convolution and a pixel shuffle. One whose kernels overlap by its padding
reads the neighbours of a pixel too, and is a 3x3 convolution and a pixel shuffle.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, fx, nn

from segbench.runtimes.folding import frozen, why_unlike
from segbench.runtimes.traced import TracedNetwork, scale_and_shift

NO_POINTWISE = "beside no 1x1 convolution"


def merge_separable(traced: TracedNetwork) -> tuple[int, Counter[str]]:
    """Merge each depthwise transposed convolution with the 1x1 convolution behind or before it.

    Returns:
        How many were merged, and how many stayed, by reason.
    """
    return _merge(traced, separable=True)


def merge_dense(traced: TracedNetwork) -> tuple[int, Counter[str]]:
    """Do the same with transposed convolutions that are not in groups, each by itself."""
    return _merge(traced, separable=False)


def merge_overlapping(traced: TracedNetwork) -> tuple[int, Counter[str]]:
    """Merge each depthwise transposed convolution that enlarges by overlapping kernels.

    The 1x1 convolution before it gives each channel stride x stride times, a depthwise 3x3
    convolution makes one pixel of each, and a pixel shuffle puts them in their places. So the
    wide map is written once, as the shuffle leaves it.

    Returns:
        How many were merged, and how many depthwise ones stayed, by reason.
    """
    merged, left = 0, Counter[str]()
    for node in traced.calls(nn.ConvTranspose2d):
        up = traced.module_as(node, nn.ConvTranspose2d)
        if not up.groups == up.in_channels > 1:
            continue
        why = traced.why_kept(node) or _why_not_by_neighbours(up)
        ahead = _norm_before(traced, node)
        pointwise = traced.before([*ahead, node][0], nn.Conv2d)
        if why or pointwise is None or not is_pointwise(traced.module_as(pointwise, nn.Conv2d)):
            left[why or NO_POINTWISE] += 1
            continue
        first = compose([traced.module_of(each) for each in (pointwise, *ahead)])
        traced.replace([pointwise, *ahead, node], _spread(first, up), name=str(node.target))
        merged += 1
    return merged, left


def _why_not_by_neighbours(up: nn.ConvTranspose2d) -> str | None:
    stride, padding, kernel = up.stride[0], int(up.padding[0]), up.kernel_size[0]
    squares = (up.kernel_size, up.stride, up.padding)
    if up.kernel_size == up.stride:
        return _why_not_by_pixel(up) or NO_POINTWISE  # else it was merged by itself
    if any(sides[0] != sides[1] for sides in squares):
        return "kernel, stride or padding is not square"
    if up.dilation != (1, 1) or any(up.output_padding) or up.out_channels != up.in_channels:
        return "dilated, padded behind, or of several channels each"
    if not 0 < padding <= stride or kernel != stride + 2 * padding:
        return "kernels do not overlap by the padding"
    return None


def _spread(first: PixelMap, up: nn.ConvTranspose2d) -> UpConvolution:
    """Return a map of pixels and then an overlapping transposed convolution, at its resolution."""
    stride, padding, channels = up.stride[0], int(up.padding[0]), up.in_channels
    given = up.weight.detach().double()[:, 0]
    weight = given.new_zeros(channels, stride, stride, 3, 3)
    for row, column, down, right in product(range(stride), range(stride), range(3), range(3)):
        # A pixel that is `down - 1` rows below meets the kernel's row that much further up.
        at = row + padding - stride * (down - 1), column + padding - stride * (right - 1)
        if all(0 <= place < up.kernel_size[0] for place in at):
            weight[:, row, column, down, right] = given[:, at[0], at[1]]
    copies = PixelMap(
        first.weight.expand(-1, stride, stride, -1), first.bias.expand(-1, stride, stride)
    )
    count = channels * stride**2
    depthwise = nn.Conv2d(count, count, 3, padding=1, groups=count, bias=up.bias is not None)
    depthwise.weight = frozen(weight.reshape(count, 1, 3, 3), up.weight)
    if up.bias is not None:
        depthwise.bias = frozen(up.bias.detach().repeat_interleave(stride**2), up.weight)
    return UpConvolution(copies.as_convolution(up.weight), depthwise, size=stride)


def _merge(traced: TracedNetwork, *, separable: bool) -> tuple[int, Counter[str]]:
    merged, left = 0, Counter[str]()
    for node in traced.calls(nn.ConvTranspose2d):
        up = traced.module_as(node, nn.ConvTranspose2d)
        if (up.groups == up.in_channels > 1) is not separable:
            continue
        why = traced.why_kept(node) or _why_not_by_pixel(up)
        found = None if why else _find_chain(traced, node, separable=separable)
        if found is None:
            left[why or NO_POINTWISE] += 1
            continue
        composed = compose([traced.module_of(each) for each in found])
        size = up.kernel_size[0]
        module = UpConvolution(composed.as_convolution(up.weight), size=size)
        traced.replace(found, module, name=str(node.target))
        merged += 1
    return merged, left


def _why_not_by_pixel(up: nn.ConvTranspose2d) -> str | None:
    if up.groups not in {1, up.in_channels}:
        return "in groups of several channels"
    if up.kernel_size != up.stride or up.dilation != (1, 1):
        return "kernel and stride differ"
    if any(up.padding) or any(up.output_padding):
        return "padded"
    return "kernel is not square" if up.kernel_size[0] != up.kernel_size[1] else None


def _find_chain(traced: TracedNetwork, node: fx.Node, *, separable: bool) -> list[fx.Node] | None:
    """Return the calls to merge with a transposed convolution, in their order."""
    ahead, behind = _norm_before(traced, node), _norm_after(traced, node)
    if not separable:
        return [*ahead, node, *behind]
    last = [node, *behind][-1]
    pointwise = traced.after(last, nn.Conv2d)
    if pointwise is not None and is_pointwise(traced.module_as(pointwise, nn.Conv2d)):
        return [*ahead, node, *behind, pointwise, *_norm_after(traced, pointwise)]
    pointwise = traced.before([*ahead, node][0], nn.Conv2d)
    if pointwise is not None and is_pointwise(traced.module_as(pointwise, nn.Conv2d)):
        return [*_norm_before(traced, pointwise), pointwise, *ahead, node, *behind]
    return None


def _norm_before(traced: TracedNetwork, node: fx.Node) -> list[fx.Node]:
    norm = traced.before(node, nn.BatchNorm2d)
    return [] if norm is None or why_unlike(traced, norm) else [norm]


def _norm_after(traced: TracedNetwork, node: fx.Node) -> list[fx.Node]:
    norm = traced.after(node, nn.BatchNorm2d)
    return [] if norm is None or why_unlike(traced, norm) else [norm]


def is_pointwise(conv: nn.Conv2d) -> bool:
    """Tell whether a convolution maps each pixel by itself, all its channels to all.

    >>> is_pointwise(nn.Conv2d(3, 8, 1)), is_pointwise(nn.Conv2d(3, 8, 1, stride=2))
    (True, False)
    """
    pads = not isinstance(conv.padding, str) and any(conv.padding)
    return conv.kernel_size == (1, 1) and conv.stride == (1, 1) and conv.groups == 1 and not pads


@dataclass(frozen=True)
class PixelMap:
    """An affine map from the channels of a pixel to those of k x k pixels, in double precision.

    Attributes:
        weight: (out, k, k, in).
        bias: (out, k, k).
    """

    weight: Tensor
    bias: Tensor

    def then(self, module: nn.Module) -> PixelMap:
        """Return this map and then a module of a chain; the first transposed one sets k."""
        if isinstance(module, nn.BatchNorm2d):
            scale, shift = (part.reshape(-1, 1, 1) for part in scale_and_shift(module))
            return PixelMap(self.weight * scale[..., None], self.bias * scale + shift)
        assert isinstance(module, nn.Conv2d | nn.ConvTranspose2d)  # noqa: S101 - what chains have
        weight = module.weight.detach().double()
        if isinstance(module, nn.Conv2d):
            mixing = weight[:, :, 0, 0]
            found = PixelMap(
                torch.einsum("de,eabc->dabc", mixing, self.weight),
                torch.einsum("de,eab->dab", mixing, self.bias),
            )
        elif module.groups > 1:  # depthwise: (in, out of each, k, k)
            found = PixelMap(
                (weight[..., None] * self.weight[:, 0, 0][:, None, None, None]).flatten(0, 1),
                (weight * self.bias[:, :1, None]).flatten(0, 1),
            )
        else:
            found = PixelMap(
                torch.einsum("edab,ec->dabc", weight, self.weight[:, 0, 0]),
                torch.einsum("edab,e->dab", weight, self.bias[:, 0, 0]),
            )
        if module.bias is None:
            return found
        return PixelMap(found.weight, found.bias + module.bias.detach().double()[:, None, None])

    def as_convolution(self, like: Tensor) -> nn.Conv2d:
        """Return it as a 1x1 convolution to out x k x k channels, of the type of a tensor."""
        out, size, _, channels = self.weight.shape
        has_bias = bool(self.bias.any())
        conv = nn.Conv2d(channels, out * size**2, 1, bias=has_bias)
        conv.weight = frozen(self.weight.reshape(-1, channels, 1, 1), like)
        if has_bias:
            conv.bias = frozen(self.bias.reshape(-1), like)
        return conv


class UpConvolution(nn.Sequential):
    """Convolutions at the low resolution, and a pixel shuffle: (N, C, H, W) -> (N, D, kH, kW).

    Args:
        convolutions: the first is a 1x1 one, and any other is depthwise; to D x k x k channels.
        size: k.
    """

    def __init__(self, *convolutions: nn.Conv2d, size: int) -> None:
        super().__init__(*convolutions, nn.PixelShuffle(size))
        self.size = size

    @property
    def convolutions(self) -> tuple[nn.Conv2d, ...]:
        """The convolutions, in their order."""
        return tuple(module for module in self if isinstance(module, nn.Conv2d))


def compose(chain: list[nn.Module]) -> PixelMap:
    """Return what a chain does of batch norms, 1x1 convolutions and one transposed convolution.

    >>> up = nn.ConvTranspose2d(8, 8, 2, stride=2, groups=8)
    >>> compose([nn.BatchNorm2d(8).eval(), up, nn.Conv2d(8, 5, 1)]).weight.shape
    torch.Size([5, 2, 2, 8])
    """
    first = next(module for module in chain if isinstance(module, nn.Conv2d | nn.ConvTranspose2d))
    channels, device = first.in_channels, first.weight.device
    found = PixelMap(
        torch.eye(channels, dtype=torch.float64, device=device)[:, None, None],
        torch.zeros(channels, 1, 1, dtype=torch.float64, device=device),
    )
    for module in chain:
        found = found.then(module)
    return found
