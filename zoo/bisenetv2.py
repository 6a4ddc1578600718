"""BiSeNetV2: a wide and shallow branch for detail beside a narrow and deep one for meaning."""

import torch
import torch.nn.functional as F  # noqa: N812, torch's own name for it
from torch import Tensor, nn

from zoo.layers import check_image, initialise_for_relu, scaled
from zoo.options import PositiveFloat, PositiveInt, check_options

__all__ = ["BiSeNetV2", "bisenetv2"]

DETAIL = (64, 64, 128)  # at strides 2, 4 and 8
SEMANTIC = (64, 128)  # at strides 4 and 8, before they are narrowed
DEEP = (64, 128)  # at strides 16 and 32


def bisenetv2(
    *,
    classes: PositiveInt = 22,
    width: PositiveFloat = 1.0,
    semantic_ratio: PositiveFloat = 0.25,
    expansion: PositiveInt = 6,
    head_width: PositiveInt = 128,
    auxiliary: bool = False,
) -> "BiSeNetV2":
    """Build BiSeNetV2 (Yu et al., IJCV 2021, section 4 and Table 1).

    The paper leaves the width of the segmentation head open. With 128, as in PaddleSeg, there are
    2,307,747 parameters at 19 classes; PaddleSeg's 2.33 M are these, a bias of every convolution
    before batch norm and the running statistics. At the paper's 1024x512 that makes 16 G
    multiply-accumulates of convolutions, where it prints 21.15 GFLOPs, so its own head is wider;
    other public code takes 1,024. Where the paper's text has the first 3x3 convolution of a
    gather-and-expansion layer expand, its Figure 5 has the depthwise one do it, and so does this
    network. As in the figures, no ReLU follows a depthwise convolution, the last convolution of
    context embedding or that of the aggregation, where public code has some; a convolution has a
    bias where no batch norm follows it.

    Args:
        classes: channels of the logits.
        width: factor of all channels inside (the paper's alpha).
        semantic_ratio: channels of the semantic branch over those of the detail branch, at strides
            4 and 8 (lambda).
        expansion: channels within a gather-and-expansion layer over those before it (epsilon).
        head_width: channels of the segmentation head (C_t).
        auxiliary: whether training has the four booster heads of section 4.4, on the semantic
            branch at strides 4, 8, 16 and 32, here each as wide as the map that it stands on.
            Public code adds their losses to that of the logits with weight 1 each.

    Raises:
        OptionError: an option has the wrong type or value.

    >>> bisenetv2(classes=12)(torch.zeros(2, 3, 45, 61)).shape
    torch.Size([2, 12, 45, 61])
    >>> len(bisenetv2(auxiliary=True)(torch.zeros(2, 3, 8, 8)))
    5
    """
    check_options("bisenetv2", bisenetv2, locals())
    network = BiSeNetV2(
        classes=classes,
        detail=[scaled(channels, width) for channels in DETAIL],
        semantic=[
            *(scaled(channels, semantic_ratio * width) for channels in SEMANTIC),
            *(scaled(channels, width) for channels in DEEP),
        ],
        expansion=expansion,
        head_width=scaled(head_width, width),
        auxiliary=auxiliary,
    )
    initialise_for_relu(network)
    return network


class BiSeNetV2(nn.Module):
    """Detail branch, semantic branch, guided aggregation and a head at stride 8 (section 4).

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on, without padding:
    sizes are rounded up at each stride. Training takes two images, for batch norm meets a map
    pooled over the whole image. While it trains with auxiliary heads, a tuple: the logits and those
    of the heads, from the finest map to the coarsest.
    """

    def __init__(
        self,
        *,
        classes: int,
        detail: list[int],
        semantic: list[int],
        expansion: int,
        head_width: int,
        auxiliary: bool,
    ) -> None:
        super().__init__()
        first, second, fine = detail
        self.detail = nn.Sequential(
            _conv_norm_relu(3, first, stride=2),
            _conv_norm_relu(first, first),
            _conv_norm_relu(first, second, stride=2),
            _conv_norm_relu(second, second),
            _conv_norm_relu(second, second),
            _conv_norm_relu(second, fine, stride=2),
            _conv_norm_relu(fine, fine),
            _conv_norm_relu(fine, fine),
        )
        stem, third, fourth, fifth = semantic
        self.stem = Stem(stem)
        self.stages = nn.ModuleList(
            [
                _gather_and_expand(stem, third, expansion, layers=2),
                _gather_and_expand(third, fourth, expansion, layers=2),
                _gather_and_expand(fourth, fifth, expansion, layers=4),
            ]
        )
        self.context = ContextEmbedding(fifth)
        self.aggregation = GuidedAggregation(fine, fifth)
        self.head = _head(fine, head_width, classes)
        self.auxiliary = (
            nn.ModuleList(_head(channels, channels, classes) for channels in semantic)
            if auxiliary
            else None
        )

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the logits of `image`, and in training those of the auxiliary heads."""
        check_image(self, image, norm_stride=32, pooled_norm=True)
        semantic = [self.stem(image)]
        for stage in self.stages:
            semantic.append(stage(semantic[-1]))
        context = self.context(semantic[-1])
        logits = _enlarge(self.head(self.aggregation(self.detail(image), context)), image)
        if self.auxiliary is None or not self.training:
            return logits
        heads = zip(self.auxiliary, semantic, strict=True)
        return (logits, *(_enlarge(head(features), image) for head, features in heads))


class Stem(nn.Module):
    """Two ways to quarter an image, side by side (Figure 4a): (N, 3, H, W) -> (N, C, H/4, W/4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.halve = _conv_norm_relu(3, channels, stride=2)
        self.conv = nn.Sequential(
            _conv_norm_relu(channels, channels // 2, kernel=1),
            _conv_norm_relu(channels // 2, channels, stride=2),
        )
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.fuse = _conv_norm_relu(2 * channels, channels)

    def forward(self, image: Tensor) -> Tensor:
        """Return what a convolution and pooling find, fused."""
        half = self.halve(image)
        fused: Tensor = self.fuse(torch.cat((self.conv(half), self.pool(half)), dim=1))
        return fused


class GatherAndExpand(nn.Module):
    """Gather by 3x3, expand depthwise, project by 1x1, and add (Figure 5b and 5c).

    (N, C, H, W) -> (N, D, H / stride, W / stride). At stride 1 what is added is the input, with D
    equal to C; at stride 2 there are two depthwise convolutions, and the input is halved by one
    of its own.
    """

    def __init__(self, before: int, after: int, expansion: int, *, stride: int) -> None:
        super().__init__()
        wide = expansion * before
        self.gather = _conv_norm_relu(before, before)
        self.expand = nn.Sequential(_conv_norm(before, wide, stride=stride, groups=before))
        if stride > 1:
            self.expand.append(_conv_norm(wide, wide, groups=wide))
        self.project = _conv_norm(wide, after, kernel=1)
        self.shortcut = (
            nn.Sequential(
                _conv_norm(before, before, stride=stride, groups=before),
                _conv_norm(before, after, kernel=1),
            )
            if stride > 1
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both ways."""
        return F.relu(self.project(self.expand(self.gather(x))) + self.shortcut(x))


class ContextEmbedding(nn.Module):
    """Add to every place what the whole image is about (Figure 4b); (N, C, H, W) keeps its size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.BatchNorm2d(channels),
            _conv_norm_relu(channels, channels, kernel=1),
        )
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` in its context."""
        embedded: Tensor = self.conv(x + self.embed(x))
        return embedded


class GuidedAggregation(nn.Module):
    """Let each branch gate the other, at the size of both (Figure 6).

    (N, C, h, w) and (N, D, h/4, w/4) -> (N, C, h, w).
    """

    def __init__(self, detail: int, semantic: int) -> None:
        super().__init__()
        self.detail_keep = _separable(detail, detail)
        self.detail_down = nn.Sequential(
            _conv_norm(detail, detail, stride=2),
            nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
        )
        self.semantic_keep = _separable(semantic, detail)
        self.semantic_up = _conv_norm(semantic, detail)
        self.fuse = _conv_norm(detail, detail)

    def forward(self, detail: Tensor, semantic: Tensor) -> Tensor:
        """Return both branches, fused at the size of `detail`."""
        gate = torch.sigmoid(_enlarge(self.semantic_up(semantic), detail))
        coarse = self.detail_down(detail) * torch.sigmoid(self.semantic_keep(semantic))
        fused: Tensor = self.fuse(self.detail_keep(detail) * gate + _enlarge(coarse, detail))
        return fused


def _conv_norm(
    before: int, after: int, *, kernel: int = 3, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    conv = nn.Conv2d(
        before, after, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(after))


def _conv_norm_relu(before: int, after: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return _conv_norm(before, after, kernel=kernel, stride=stride).append(nn.ReLU(inplace=True))


def _separable(before: int, after: int) -> nn.Sequential:
    return _conv_norm(before, before, groups=before).append(nn.Conv2d(before, after, 1))


def _gather_and_expand(before: int, after: int, expansion: int, *, layers: int) -> nn.Sequential:
    return nn.Sequential(
        GatherAndExpand(before, after, expansion, stride=2),
        *(GatherAndExpand(after, after, expansion, stride=1) for _ in range(layers - 1)),
    )


def _head(before: int, width: int, classes: int) -> nn.Sequential:
    return _conv_norm_relu(before, width).append(nn.Conv2d(width, classes, 1))


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
