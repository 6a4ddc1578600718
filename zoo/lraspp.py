"""LR-ASPP on MobileNetV3: a gate of the whole image on deep features, and a skip at stride 8."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias

from torch import Tensor, nn

from zoo.layers import check_image, enlarge, initialise_for_relu, scaled
from zoo.options import PositiveFloat, PositiveInt, check_options

__all__ = ["LRASPP", "InvertedResidual", "lraspp", "lraspp_small"]

Backbone: TypeAlias = Literal["large", "small"]


@dataclass(frozen=True)
class Row:
    """A row of the paper's Table 1 or 2: one inverted residual."""

    kernel: int
    expanded: int
    out: int
    excites: bool
    hard_swish: bool
    stride: int = 1
    dilation: int = 1


# Tables 1 and 2 of the paper, without the first convolution and what follows the last block
LARGE = (
    Row(3, 16, 16, excites=False, hard_swish=False),
    Row(3, 64, 24, excites=False, hard_swish=False, stride=2),
    Row(3, 72, 24, excites=False, hard_swish=False),
    Row(5, 72, 40, excites=True, hard_swish=False, stride=2),
    Row(5, 120, 40, excites=True, hard_swish=False),
    Row(5, 120, 40, excites=True, hard_swish=False),
    Row(3, 240, 80, excites=False, hard_swish=True, stride=2),
    Row(3, 200, 80, excites=False, hard_swish=True),
    Row(3, 184, 80, excites=False, hard_swish=True),
    Row(3, 184, 80, excites=False, hard_swish=True),
    Row(3, 480, 112, excites=True, hard_swish=True),
    Row(3, 672, 112, excites=True, hard_swish=True),
    Row(5, 672, 160, excites=True, hard_swish=True, stride=2),
    Row(5, 960, 160, excites=True, hard_swish=True),
    Row(5, 960, 160, excites=True, hard_swish=True),
)
SMALL = (
    Row(3, 16, 16, excites=True, hard_swish=False, stride=2),
    Row(3, 72, 24, excites=False, hard_swish=False, stride=2),
    Row(3, 88, 24, excites=False, hard_swish=False),
    Row(5, 96, 40, excites=True, hard_swish=True, stride=2),
    Row(5, 240, 40, excites=True, hard_swish=True),
    Row(5, 240, 40, excites=True, hard_swish=True),
    Row(5, 120, 48, excites=True, hard_swish=True),
    Row(5, 144, 48, excites=True, hard_swish=True),
    Row(5, 288, 96, excites=True, hard_swish=True, stride=2),
    Row(5, 576, 96, excites=True, hard_swish=True),
    Row(5, 576, 96, excites=True, hard_swish=True),
)
STEM = 16
LAST_BLOCK = 3  # rows, at stride 32 where MobileNetV3 classifies images
LAST_EXPANSION = 6  # of the 1x1 convolution behind the last row


def lraspp(
    *,
    classes: PositiveInt = 22,
    width: PositiveFloat = 1.0,
    backbone: Backbone = "large",
    filters: PositiveInt = 128,
    halve_last: bool = False,
) -> LRASPP:
    """Build LR-ASPP on MobileNetV3 (Howard et al., ICCV 2019, sections 5 and 6.4).

    The arrangement is torchvision's, which has 3,221,538 parameters on Large at 21 classes. It
    differs from the paper's in two points. The paper halves all channels of the last block, and
    prints 1.51 million parameters on Large and 0.47 million on Small; `halve_last` does so. And the
    paper gates by averages of 49x49 places, which torchvision and this take over all of the map.

    The last block is dilated by 2 and stays at stride 16. The skip comes from the first map at
    stride 8, where deep and shallow logits are added; from there they are enlarged bilinearly.
    The running averages of batch norms are torch's; the paper's decay of 0.99 is part of a recipe.

    Args:
        classes: channels of the logits.
        width: factor of the channels inside. Those inside a squeeze and excitation are a quarter of
            its own, to a multiple of 8, as in the authors' code.
        backbone: MobileNetV3-Large (Table 1) or Small (Table 2).
        filters: channels of the gated map, the paper's F: 128 or 256.
        halve_last: whether the last block has half its channels, the paper's RF2; of its first row
            those inside too.

    Raises:
        OptionError: an option has the wrong type or value.

    >>> import torch
    >>> lraspp(classes=12)(torch.zeros(1, 3, 45, 61)).shape
    torch.Size([1, 12, 45, 61])
    >>> sum(parameter.numel() for parameter in lraspp(classes=21).parameters())
    3221538
    """
    check_options("lraspp", lraspp, locals())
    table = LARGE if backbone == "large" else SMALL
    rows = _without_last_stride(table, halve_last=halve_last)
    rows = [
        replace(row, expanded=scaled(row.expanded, width), out=scaled(row.out, width))
        for row in rows
    ]
    network = LRASPP(
        classes=classes,
        stem=scaled(STEM, width),
        rows=rows,
        deepest=LAST_EXPANSION * rows[-1].out,
        filters=scaled(filters, width),
    )
    blocks = [each for each in network.modules() if isinstance(each, InvertedResidual)]
    initialise_for_relu(network, projections=[each.projection for each in blocks])
    return network


lraspp_small = partial(lraspp, backbone="small")


class InvertedResidual(nn.Module):
    """Expand, convolve depthwise, excite, and narrow without an activation (section 3).

    (N, C, H, W) -> (N, D, H/s, W/s), rounded up, with what enters added where nothing changes in
    size. There is no expansion where the row has as many channels inside as enter.
    """

    def __init__(self, in_channels: int, row: Row) -> None:
        super().__init__()
        self.adds = row.stride == 1 and in_channels == row.out
        layers: list[nn.Module] = []
        if row.expanded != in_channels:
            layers += _conv(in_channels, row.expanded, hard_swish=row.hard_swish)
        depthwise = nn.Conv2d(
            row.expanded,
            row.expanded,
            row.kernel,
            stride=row.stride,
            padding=row.kernel // 2 * row.dilation,
            dilation=row.dilation,
            groups=row.expanded,
            bias=False,
        )
        layers += (depthwise, nn.BatchNorm2d(row.expanded), _activation(hard_swish=row.hard_swish))
        if row.excites:
            layers.append(SqueezeExcitation(row.expanded))
        layers += (nn.Conv2d(row.expanded, row.out, 1, bias=False), nn.BatchNorm2d(row.out))
        self.layers = nn.Sequential(*layers)

    @property
    def projection(self) -> nn.Module:
        """The convolution that narrows."""
        return self.layers[-2]

    def forward(self, x: Tensor) -> Tensor:
        """Return the row's map of `x`."""
        made: Tensor = self.layers(x)
        return x + made if self.adds else made


class SqueezeExcitation(nn.Module):
    """Weigh channels by their means over the map, with a hard sigmoid (section 5.3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = _to_multiple_of_8(channels // 4)
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, narrow, 1),
            nn.ReLU(),
            nn.Conv2d(narrow, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with its channels weighed."""
        weights: Tensor = self.weigh(x)
        return x * weights


class LRASPP(nn.Module):
    """MobileNetV3 to stride 16, and the lite reduced head with one skip (Figure 10).

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on; training on a
    single image needs H or W of at least 17. Whatever halves a map rounds up, so nothing is padded.
    """

    def __init__(
        self, *, classes: int, stem: int, rows: list[Row], deepest: int, filters: int
    ) -> None:
        super().__init__()
        at_8 = _first_at_stride_8(rows)
        before = [stem, *(row.out for row in rows)]
        residuals = [InvertedResidual(*each) for each in zip(before, rows, strict=False)]
        self.shallow = nn.Sequential(
            *_conv(3, stem, kernel=3, stride=2, hard_swish=True), *residuals[: at_8 + 1]
        )
        self.deep = nn.Sequential(
            *residuals[at_8 + 1 :], *_conv(rows[-1].out, deepest, hard_swish=True)
        )
        self.features = nn.Sequential(*_conv(deepest, filters, hard_swish=False))
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(deepest, filters, 1, bias=False), nn.Sigmoid()
        )
        self.classify_deep = nn.Conv2d(filters, classes, 1)
        self.classify_shallow = nn.Conv2d(rows[at_8].out, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        check_image(self, image, norm_stride=16)
        shallow = self.shallow(image)  # stride 8
        deep = self.deep(shallow)  # stride 16
        gated = enlarge(self.features(deep) * self.gate(deep), shallow)
        return enlarge(self.classify_deep(gated) + self.classify_shallow(shallow), image)


def _without_last_stride(table: tuple[Row, ...], *, halve_last: bool) -> list[Row]:
    """Return the rows of a table with the last block dilated in place of its stride."""
    last = [replace(row, stride=1, dilation=2) for row in table[-LAST_BLOCK:]]
    if halve_last:
        last = [replace(row, expanded=row.expanded // 2, out=row.out // 2) for row in last]
    return [*table[:-LAST_BLOCK], *last]


def _first_at_stride_8(rows: list[Row]) -> int:
    """Return the row behind which a map is at stride 8 for the first time."""
    stride = 2  # behind the stem
    for at, row in enumerate(rows):
        stride *= row.stride
        if stride == 8:  # noqa: PLR2004, as the name says
            return at
    raise ValueError("no row of the backbone ends at stride 8")


def _conv(
    before: int, after: int, *, kernel: int = 1, stride: int = 1, hard_swish: bool
) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
    return conv, nn.BatchNorm2d(after), _activation(hard_swish=hard_swish)


def _activation(*, hard_swish: bool) -> nn.Module:
    return nn.Hardswish() if hard_swish else nn.ReLU()


def _to_multiple_of_8(channels: int) -> int:
    """Return the nearest multiple of 8, but one more where that is below nine tenths.

    >>> [_to_multiple_of_8(channels) for channels in (4, 18, 30, 36)]
    [8, 24, 32, 40]
    """
    nearest = max(8, (channels + 4) // 8 * 8)
    return nearest if 10 * nearest >= 9 * channels else nearest + 8
