"""DABNet: bottlenecks whose depthwise convolutions are split into columns and rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.layers import check_image, enlarge, initialise_for_relu, norm_prelu, prelu_stem, scaled
from zoo.options import PositiveFloat, PositiveInt, check_options

__all__ = ["DABModule", "DABNet", "dabnet"]

COLOURS = 3


def dabnet(
    *,
    classes: PositiveInt = 22,
    width: PositiveFloat = 1.0,
    dilations1: tuple[PositiveInt, ...] = (2, 2, 2),
    dilations2: tuple[PositiveInt, ...] = (4, 4, 8, 8, 16, 16),
) -> DABNet:
    """Build DABNet (Li and Kim, BMVC 2019, section 3).

    It has the 756,643 parameters at 19 classes that are counted of public code (the paper prints
    0.76 million). What the paper's text leaves open follows from that count: no convolution has a
    bias, and every PReLU has a slope for each channel. The classifier works at stride 8, and its
    logits are enlarged bilinearly.

    Args:
        classes: channels of the logits.
        width: factor of the channels inside, 32, 64 and 128 at strides 2, 4 and 8.
        dilations1: of each module of the paper's first block, at stride 4.
        dilations2: of each module of its second block, at stride 8.

    Raises:
        OptionError: an option has the wrong type or value.

    >>> dabnet(classes=12)(torch.zeros(1, 3, 45, 61)).shape
    torch.Size([1, 12, 45, 61])
    >>> sum(parameter.numel() for parameter in dabnet(classes=19).parameters())
    756643
    """
    check_options("dabnet", dabnet, locals())
    network = DABNet(
        classes=classes,
        widths=(scaled(32, width), scaled(64, width), scaled(128, width)),
        dilations1=tuple(dilations1),
        dilations2=tuple(dilations2),
    )
    initialise_for_relu(network)
    return network


class DABModule(nn.Module):
    """Depthwise asymmetric bottleneck: (N, C, H, W) -> the same, with what enters added (3.1).

    Batch norm precedes the 3x3 convolution that halves the channels. Two branches follow, each a
    column of 3 and a row of 3 by itself in every channel, the second branch dilated; their sum
    goes through a 1x1 convolution with nothing behind it.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        half = channels // 2
        self.open = nn.Sequential(
            norm_prelu(channels),
            nn.Conv2d(channels, half, 3, padding=1, bias=False),
            norm_prelu(half),
        )
        self.near = _column_and_row(half, dilation=1)
        self.far = _column_and_row(half, dilation=dilation)
        self.close = nn.Sequential(norm_prelu(half), nn.Conv2d(half, channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` and what the module adds."""
        opened = self.open(x)
        added: Tensor = self.close(self.near(opened) + self.far(opened))
        return x + added


class Downsampling(nn.Module):
    """Halve a map, rounded up: (N, C, H, W) -> (N, D, H/2, W/2), with BN and PReLU (section 3.2).

    Where D is more than C, a 3x3 convolution makes the D - C new channels and 2x2 max-pooling the
    others (as in ENet); otherwise the convolution makes them all.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        pooled = in_channels if in_channels < channels else 0
        self.conv = nn.Conv2d(in_channels, channels - pooled, 3, stride=2, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2, ceil_mode=True) if pooled else None
        self.norm = norm_prelu(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the smaller map."""
        made = self.conv(x)
        if self.pool is not None:
            made = torch.cat((made, self.pool(x)), dim=1)
        smaller: Tensor = self.norm(made)
        return smaller


class DABNet(nn.Module):
    """Two blocks of modules, each of which hands on what entered it, and the image (section 3.2).

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on; training on a
    single image needs H or W of at least 9. Whatever halves a map rounds up, so nothing is padded.
    """

    def __init__(
        self,
        *,
        classes: int,
        widths: tuple[int, int, int],
        dilations1: tuple[int, ...],
        dilations2: tuple[int, ...],
    ) -> None:
        super().__init__()
        first, second, third = widths
        self.halve = nn.AvgPool2d(3, stride=2, padding=1)
        self.stem = prelu_stem(first)
        self.norm1 = norm_prelu(first + COLOURS)
        self.down1 = Downsampling(first + COLOURS, second)
        self.block1 = nn.Sequential(*(DABModule(second, dilation) for dilation in dilations1))
        self.norm2 = norm_prelu(2 * second + COLOURS)
        self.down2 = Downsampling(2 * second + COLOURS, third)
        self.block2 = nn.Sequential(*(DABModule(third, dilation) for dilation in dilations2))
        self.norm3 = norm_prelu(2 * third + COLOURS)
        self.classifier = nn.Conv2d(2 * third + COLOURS, classes, 1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        check_image(self, image, norm_stride=8)
        half = self.halve(image)
        quarter = self.halve(half)
        x = self.norm1(torch.cat((self.stem(image), half), dim=1))  # stride 2
        down = self.down1(x)  # stride 4
        x = self.norm2(torch.cat((self.block1(down), down, quarter), dim=1))
        down = self.down2(x)  # stride 8
        x = self.norm3(torch.cat((self.block2(down), down, self.halve(quarter)), dim=1))
        return enlarge(self.classifier(x), image)


def _column_and_row(channels: int, *, dilation: int) -> nn.Sequential:
    """Make a depthwise 3x1 convolution and a 1x3, each with BN and PReLU behind it."""
    layers: list[nn.Module] = []
    for kernel, spread in (((3, 1), (dilation, 1)), ((1, 3), (1, dilation))):
        layers += (
            nn.Conv2d(
                channels,
                channels,
                kernel,
                padding=(spread[0] * (kernel[0] // 2), spread[1] * (kernel[1] // 2)),
                dilation=spread,
                groups=channels,
                bias=False,
            ),
            norm_prelu(channels),
        )
    return nn.Sequential(*layers)
