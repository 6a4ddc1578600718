"""CGNet: blocks that join what a place looks like, what is around it, and the whole image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.layers import check_image, enlarge, initialise_for_relu, norm_prelu, prelu_stem, scaled
from zoo.options import PositiveFloat, PositiveInt, check_options

__all__ = ["CGNet", "ContextGuidedBlock", "cgnet"]

COLOURS = 3


def cgnet(
    *,
    classes: PositiveInt = 22,
    width: PositiveFloat = 1.0,
    blocks: tuple[PositiveInt, PositiveInt] = (3, 21),
    dilations: tuple[PositiveInt, PositiveInt] = (2, 4),
    reductions: tuple[PositiveInt, PositiveInt] = (8, 16),
) -> CGNet:
    """Build CGNet (Wu et al., arXiv 1811.08201, section 3), M3N21 where `blocks` is left alone.

    It has the 496,306 parameters at 19 classes that are counted of public code (the paper prints
    0.5 million). What the paper's text leaves open follows from that count: no convolution has a
    bias, every PReLU has a slope for each channel, and the two layers that weigh channels are
    linear ones with biases. The classifier works at stride 8, and its logits are enlarged
    bilinearly.

    Args:
        classes: channels of the logits.
        width: factor of the channels inside, 32, 64 and 128 at strides 2, 4 and 8.
        blocks: context guided blocks at strides 4 and 8, the paper's M and N; the first of each
            halves height and width.
        dilations: of the convolutions that see the surroundings, at strides 4 and 8.
        reductions: by how much the layer between is narrower where channels are weighed, at
            strides 4 and 8.

    Raises:
        OptionError: an option has the wrong type, length or value.

    >>> cgnet(classes=12)(torch.zeros(1, 3, 45, 61)).shape
    torch.Size([1, 12, 45, 61])
    >>> sum(parameter.numel() for parameter in cgnet(classes=19).parameters())
    496306
    """
    check_options("cgnet", cgnet, locals())
    network = CGNet(
        classes=classes,
        widths=(scaled(32, width), scaled(64, width), scaled(128, width)),
        blocks=blocks,
        dilations=dilations,
        reductions=reductions,
    )
    initialise_for_relu(network)
    return network


class ContextGuidedBlock(nn.Module):
    """Join local and surrounding context, and weigh its channels by the global one (section 3.1).

    (N, C, H, W) -> (N, C, H, W), with what enters added at the end; or, at stride 2,
    (N, C, H, W) -> (N, D, H/2, W/2), rounded up, with nothing added (section 3.2). Local and
    surrounding context are depthwise 3x3 convolutions side by side, the second dilated.
    """

    def __init__(
        self, in_channels: int, channels: int, *, stride: int, dilation: int, reduction: int
    ) -> None:
        super().__init__()
        self.adds = stride == 1
        # a block that keeps the size is a bottleneck of half the width
        inside = channels // 2 if self.adds else channels
        kernel = 1 if self.adds else 3
        self.open = nn.Sequential(
            nn.Conv2d(in_channels, inside, kernel, stride, padding=kernel // 2, bias=False),
            norm_prelu(inside),
        )
        self.local = _depthwise(inside, dilation=1)
        self.surrounding = _depthwise(inside, dilation=dilation)
        self.joint = norm_prelu(2 * inside)
        if not self.adds:
            self.joint.append(nn.Conv2d(2 * inside, channels, 1, bias=False))
        self.weigh = GlobalWeights(channels, reduction)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's map of `x`."""
        opened = self.open(x)
        joint = self.joint(torch.cat((self.local(opened), self.surrounding(opened)), dim=1))
        weighed: Tensor = joint * self.weigh(joint)
        return x + weighed if self.adds else weighed


class GlobalWeights(nn.Module):
    """Weigh channels by what all places of a map have in common: (N, C, H, W) -> (N, C, 1, 1).

    Means over the map, then two linear layers (section 3.1, after squeeze and excitation).
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        narrow = max(1, channels // reduction)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.layers = nn.Sequential(
            nn.Linear(channels, narrow), nn.ReLU(), nn.Linear(narrow, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return a weight between 0 and 1 for each channel of `x`."""
        weights: Tensor = self.layers(self.pool(x).flatten(1))
        return weights[:, :, None, None]


class CGNet(nn.Module):
    """Three stages, each of which sees the image at its own size besides (section 3.2).

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on; training on a
    single image needs H or W of at least 9. Whatever halves a map rounds up, so nothing is padded.
    """

    def __init__(
        self,
        *,
        classes: int,
        widths: tuple[int, int, int],
        blocks: tuple[int, int],
        dilations: tuple[int, int],
        reductions: tuple[int, int],
    ) -> None:
        super().__init__()
        first, second, third = widths
        self.halve = nn.AvgPool2d(3, stride=2, padding=1)
        self.stem = prelu_stem(first)
        self.norm1 = norm_prelu(first + COLOURS)
        self.stage2 = _stage(first + COLOURS, second, blocks[0], dilations[0], reductions[0])
        self.norm2 = norm_prelu(2 * second + COLOURS)
        self.stage3 = _stage(2 * second + COLOURS, third, blocks[1], dilations[1], reductions[1])
        self.norm3 = norm_prelu(2 * third)
        self.classifier = nn.Conv2d(2 * third, classes, 1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        check_image(self, image, norm_stride=8)
        half = self.halve(image)
        x = self.norm1(torch.cat((self.stem(image), half), dim=1))  # stride 2
        x = torch.cat((*_first_and_last(self.stage2, x), self.halve(half)), dim=1)  # stride 4
        x = torch.cat(_first_and_last(self.stage3, self.norm2(x)), dim=1)  # stride 8
        return enlarge(self.classifier(self.norm3(x)), image)


def _stage(
    in_channels: int, channels: int, blocks: int, dilation: int, reduction: int
) -> nn.ModuleList:
    """Make a stage's blocks; the first takes `in_channels` and halves the map."""
    return nn.ModuleList(
        ContextGuidedBlock(
            channels if at else in_channels,
            channels,
            stride=1 if at else 2,
            dilation=dilation,
            reduction=reduction,
        )
        for at in range(blocks)
    )


def _first_and_last(stage: nn.ModuleList, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the last block of a stage makes of `x`, and what the first does."""
    x = first = stage[0](x)
    for block in stage[1:]:
        x = block(x)
    return x, first


def _depthwise(channels: int, *, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(
        channels, channels, 3, padding=dilation, dilation=dilation, groups=channels, bias=False
    )
