"""Layers and checks that several of the zoo's networks share; maps are (N, C, H, W)."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812, torch's own name for it
from torch import Tensor, nn

from zoo.errors import InputSizeError

__all__ = [
    "ConvKind",
    "SeparableConv",
    "begin_as_interpolation",
    "check_image",
    "conv3x3",
    "crop_to",
    "depthwise_up2x2",
    "enlarge",
    "initialise_for_relu",
    "make_bilinear",
    "norm_prelu",
    "pad_to_least",
    "pad_to_multiple",
    "prelu_stem",
    "scaled",
    "smooth_up4x4",
    "up2x2",
]

ConvKind: TypeAlias = Literal["separable", "standard"]


def scaled(channels: int, width: float) -> int:
    """Return `channels` times `width`, to the nearest multiple of 8, but at least 8.

    A width of 1 leaves them as a paper has them, whatever their number.

    >>> scaled(13, 1.0), scaled(64, 0.5), scaled(13, 0.5), scaled(3, 0.5)
    (13, 32, 8, 8)
    """
    return channels if width == 1 else max(8, 8 * int(channels * width / 8 + 0.5))


class SeparableConv(nn.Sequential):
    """Depthwise separable 3x3 convolution: BN, depthwise 3x3, BN, pointwise 1x1; no bias.

    (N, C, H, W) -> (N, D, H, W). SegFast paper, section 3.1: batch norm precedes each convolution.

    >>> SeparableConv(8, 16)(torch.zeros(1, 8, 5, 7)).shape
    torch.Size([1, 16, 5, 7])
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
        )


def conv3x3(kind: ConvKind, in_channels: int, out_channels: int) -> nn.Module:
    """Make a 3x3 convolution without bias that keeps height and width.

    >>> conv3x3("standard", 8, 16).weight.shape
    torch.Size([16, 8, 3, 3])
    """
    if kind == "separable":
        return SeparableConv(in_channels, out_channels)
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)


def up2x2(kind: ConvKind, in_channels: int, out_channels: int) -> nn.Sequential:
    """Make the decoder's up-convolution: (N, C, H, W) -> (N, D, 2H, 2W), with ReLU, no bias.

    Separable: BN, depthwise transposed 2x2, BN, pointwise 1x1. Standard: BN, transposed 2x2.

    >>> up2x2("separable", 8, 4)(torch.zeros(1, 8, 5, 7)).shape
    torch.Size([1, 4, 10, 14])
    """
    if kind == "separable":
        return nn.Sequential(
            nn.BatchNorm2d(in_channels),
            depthwise_up2x2(in_channels),
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.ReLU(),
        )
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2, bias=False),
        nn.ReLU(),
    )


def depthwise_up2x2(channels: int) -> nn.ConvTranspose2d:
    """Make a transposed convolution that doubles height and width of each channel by itself."""
    return nn.ConvTranspose2d(channels, channels, 2, stride=2, groups=channels, bias=False)


def smooth_up4x4(channels: int) -> nn.ConvTranspose2d:
    """Make one that quadruples them, by kernels that overlap by half and so leave no blocks.

    >>> smooth_up4x4(3)(torch.zeros(1, 3, 5, 7)).shape
    torch.Size([1, 3, 20, 28])
    """
    return nn.ConvTranspose2d(
        channels, channels, 8, stride=4, padding=2, groups=channels, bias=False
    )


def norm_prelu(channels: int) -> nn.Sequential:
    """Make a batch norm, and behind it a PReLU with a slope for each channel."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.PReLU(channels))


def prelu_stem(channels: int) -> nn.Sequential:
    """Make three 3x3 convolutions of an image, each with `norm_prelu`; the first halves the map.

    >>> prelu_stem(32)(torch.zeros(1, 3, 45, 61)).shape
    torch.Size([1, 32, 23, 31])
    """
    return nn.Sequential(
        nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False),
        norm_prelu(channels),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        norm_prelu(channels),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        norm_prelu(channels),
    )


def crop_to(wide: Tensor, like: Tensor, offset: int = 0) -> Tensor:
    """Cut from `wide`, `offset` from its top left corner, a map as high and wide as `like`.

    Where sizes already agree this copies nothing and changes nothing.

    >>> crop_to(torch.zeros(1, 4, 8, 8), torch.zeros(1, 2, 7, 5)).shape
    torch.Size([1, 4, 7, 5])
    """
    height, width = like.shape[-2], like.shape[-1]
    return wide[..., offset : offset + height, offset : offset + width]


def enlarge(small: Tensor, like: Tensor) -> Tensor:
    """Interpolate `small` bilinearly to the height and width of `like`.

    >>> enlarge(torch.zeros(1, 4, 2, 3), torch.zeros(1, 1, 7, 5)).shape
    torch.Size([1, 4, 7, 5])
    """
    return F.interpolate(small, size=(like.shape[-2], like.shape[-1]), mode="bilinear")


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Pad `image` at its right and bottom with zeros, until both sides are multiples of `multiple`.

    Zero is the mean of normalised images. What is padded is computed and counted; `crop_to` cuts
    it off the logits.

    >>> pad_to_multiple(torch.ones(1, 3, 45, 64), 32).shape
    torch.Size([1, 3, 64, 64])
    """
    return _pad(image, -image.shape[-2] % multiple, -image.shape[-1] % multiple)


def pad_to_least(image: Tensor, least: int) -> Tensor:
    """Pad `image` likewise, until both sides are `least` pixels or more.

    >>> pad_to_least(torch.ones(1, 3, 5, 64), 9).shape
    torch.Size([1, 3, 9, 64])
    """
    height, width = image.shape[-2], image.shape[-1]
    # products, for a graph that is recorded has no branches
    bottom, right = (least - height) * (height < least), (least - width) * (width < least)
    return _pad(image, bottom, right)


def _pad(image: Tensor, bottom: int, right: int) -> Tensor:
    if isinstance(bottom, int) and bottom == right == 0:  # no number while a graph is recorded
        return image
    return F.pad(image, (0, right, 0, bottom))


def initialise_for_relu(network: nn.Module, *, projections: Iterable[nn.Module] = ()) -> None:
    """Draw weights for ReLU networks (He et al., ICCV 2015) from torch's global generator.

    Uniform with variance 2 / fan-in; biases are zero; batch norm is the identity. Convolutions that
    only enlarge maps begin as `begin_as_interpolation` has it.

    Args:
        projections: convolutions of the network whose results are read without an activation. No
            ReLU halves the variance of these, so their weights get half of it: a dozen linear
            bottlenecks would otherwise enlarge activations a hundred times.
    """
    linear = set(projections)
    begin_as_interpolation(network)
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose2d) and not _only_enlarges(module):
            # an output sees each input channel that often, at kernel = stride once
            seen: float = module.in_channels // module.groups
            for kernel, stride in zip(module.kernel_size, module.stride, strict=True):
                seen *= kernel / stride
            bound = (6 / seen) ** 0.5
            nn.init.uniform_(module.weight, -bound, bound)
        elif isinstance(module, nn.Conv2d):
            kind: Literal["linear", "relu"] = "linear" if module in linear else "relu"
            nn.init.kaiming_uniform_(module.weight, nonlinearity=kind)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
            nn.init.zeros_(module.bias)


def begin_as_interpolation(network: nn.Module) -> None:
    """Let convolutions that only enlarge maps begin by just doing that.

    They are depthwise, or keep the number of channels and have kernels that overlap. Those with
    kernels that overlap begin as bilinear upsampling, channel by channel, and depthwise ones
    without as nearest-neighbour upsampling: every weight is 1. If their few weights for each
    channel were drawn at random, pixels side by side would begin with unlike signs.
    """
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose2d) and _only_enlarges(module):
            if _overlaps(module):
                make_bilinear(module)
            else:
                nn.init.ones_(module.weight)


def _only_enlarges(up: nn.ConvTranspose2d) -> bool:
    keeps = up.in_channels == up.out_channels
    return (_overlaps(up) and keeps) or up.groups == up.in_channels


def _overlaps(up: nn.ConvTranspose2d) -> bool:
    return up.kernel_size != up.stride


def make_bilinear(up: nn.ConvTranspose2d) -> None:
    """Make `up` interpolate each channel by itself, as a tent of twice the stride's width."""
    size, stride = up.kernel_size[0], up.stride[0]
    centre = (size - 1) / 2
    tent = 1 - (torch.arange(size) - centre).abs() / stride
    with torch.no_grad():
        up.weight.zero_()
        for channel in range(up.in_channels):
            up.weight[channel, channel % up.weight.shape[1]] = torch.outer(tent, tent)


def check_image(
    network: nn.Module, image: Tensor, *, norm_stride: int | None, pooled_norm: bool = False
) -> None:
    """Refuse an image that `network` cannot take; silent while a graph is recorded.

    Args:
        network: named in the message; its batch norms tell whether it trains.
        image: what is about to enter it.
        norm_stride: input pixels per value, along a side, of the coarsest map that meets batch
            norm; None where there is no batch norm.
        pooled_norm: whether batch norm meets a map that is pooled to one value per channel and
            image, so that no image is large enough to train on alone.

    Raises:
        InputSizeError: not (batch, 3, height, width), nothing in it, or, in training, a single
            value per channel where batch norm needs two.
    """
    # torch.jit carries no types
    if torch.jit.is_tracing() or torch.compiler.is_compiling():  # type: ignore[attr-defined,no-untyped-call]
        return
    if isinstance(image, torch.fx.Proxy):
        return
    name, shape = type(network).__name__, "x".join(map(str, image.shape))
    if image.dim() != 4 or image.shape[1] != 3:  # noqa: PLR2004, the dimensions of an RGB batch
        raise InputSizeError(
            f"{name} cannot take an input of shape {shape or '()'}; "
            "give images as batch x 3 x height x width"
        )
    batch, _, height, width = image.shape
    if not batch * height * width:
        raise InputSizeError(
            f"{name} cannot take an empty image ({shape}); the smallest is 1x3x1x1"
        )
    if pooled_norm and batch == 1 and _norm_trains(network):
        raise InputSizeError(
            f"{name} cannot train on one image: batch norm needs two values per channel, and a map "
            "pooled over the whole image has one; give two images"
        )
    if norm_stride and batch == 1 and max(height, width) <= norm_stride and _norm_trains(network):
        raise InputSizeError(
            f"{name} cannot train on one image of {height}x{width}: batch norm needs two values "
            f"per channel; the smallest height or width is {norm_stride + 1}, or give two images"
        )


def _norm_trains(network: nn.Module) -> bool:
    return any(isinstance(m, nn.BatchNorm2d) and m.training for m in network.modules())
