"""TopFormer: a pyramid of tokens from convolutions, and a small transformer over all of them."""

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812, torch's own name for it
from torch import Tensor, nn

from zoo.layers import check_image, initialise_for_relu, scaled
from zoo.options import PositiveFloat, PositiveInt, check_options

__all__ = ["TopFormer", "topformer_tiny"]

STEM = 16
# kernel, expansion, channels and stride of each inverted residual, by the scale that they end in
PYRAMID = (
    ((3, 1, 16, 1), (3, 4, 16, 2), (3, 3, 16, 1)),  # stride 4
    ((5, 3, 32, 2), (5, 3, 32, 1)),  # stride 8
    ((3, 3, 64, 2), (3, 3, 64, 1)),  # stride 16
    ((5, 6, 96, 2), (5, 6, 96, 1)),  # stride 32
)
KEY = 16  # channels of a query or a key, in each head
VALUE = 2 * KEY


def topformer_tiny(
    *,
    classes: PositiveInt = 22,
    width: PositiveFloat = 1.0,
    heads: PositiveInt = 4,
    depth: PositiveInt = 4,
    token_stride: Literal[32, 64] = 64,
    injection_width: PositiveInt = 128,
) -> "TopFormer":
    """Build TopFormer-Tiny (Zhang et al., CVPR 2022, section 3), 1.4 M parameters.

    The table of its pyramid, with ReLU in it, is that of its authors' code; ReLU6 in the
    transformer is the paper's. The code differs from the paper in two places, where this network
    is as the paper: in the injection it has a hard sigmoid instead of the sigmoid, and in its head
    the first of the two convolutions weighs each channel by itself, while one of all channels
    meets the 0.6 and 0.5 GFLOPs that the paper prints at 512x512 and 448x448. The products of
    queries and keys, which the code leaves as they are, are scaled here, as attention has it
    elsewhere. Stochastic depth and dropout are left out. The tokens of a scale are means over
    windows side by side, cut off at the right and bottom edge; the code's windows overlap where a
    side is no multiple of 64.

    Args:
        classes: channels of the logits.
        width: factor of all channels inside but those of a head of attention.
        heads: of attention, each with 16 channels for queries and keys and 32 for values.
        depth: transformer blocks.
        token_stride: input pixels per token, along a side.
        injection_width: channels of each scale after the injection, and of the segmentation head.

    Raises:
        OptionError: an option has the wrong type or value.

    >>> topformer_tiny(classes=12)(torch.zeros(2, 3, 45, 61)).shape
    torch.Size([2, 12, 45, 61])
    """
    check_options("topformer-tiny", topformer_tiny, locals())
    network = TopFormer(
        classes=classes,
        width=width,
        heads=heads,
        depth=depth,
        token_stride=token_stride,
        injection_width=scaled(injection_width, width),
    )
    kinds = (InvertedResidual, TransformerBlock, Attention)
    blocks = [each for each in network.modules() if isinstance(each, kinds)]
    initialise_for_relu(network, projections=[each.projection for each in blocks])
    for each in blocks:
        if isinstance(each, Attention):
            each.draw_queries()
    return network


class TopFormer(nn.Module):
    """Token pyramid, transformer, injection at strides 8, 16 and 32, and a head (section 3).

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on, without padding:
    sizes are rounded up at each stride. Training on a single image needs H or W of at least one
    more than the stride of the tokens.
    """

    def __init__(
        self,
        *,
        classes: int,
        width: float,
        heads: int,
        depth: int,
        token_stride: int,
        injection_width: int,
    ) -> None:
        super().__init__()
        self.token_stride = token_stride
        before = scaled(STEM, width)
        self.stem = _conv_norm(3, before, kernel=3, stride=2).append(nn.ReLU(inplace=True))
        self.pyramid, self.widths = nn.ModuleList(), []
        for rows in PYRAMID:
            scale = nn.Sequential()
            for kernel, expansion, channels, stride in rows:
                after = scaled(channels, width)
                scale.append(
                    InvertedResidual(before, after, expansion, kernel=kernel, stride=stride)
                )
                before = after
            self.pyramid.append(scale)
            self.widths.append(before)
        self.transformer = nn.Sequential(
            *(TransformerBlock(sum(self.widths), heads) for _ in range(depth))
        )
        self.injections = nn.ModuleList(
            Injection(channels, injection_width) for channels in self.widths[1:]
        )
        self.head = nn.Sequential(
            *_conv_norm(injection_width, injection_width),
            nn.ReLU(inplace=True),
            nn.Conv2d(injection_width, classes, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        check_image(self, image, norm_stride=self.token_stride)
        x, scales = self.stem(image), []
        for scale in self.pyramid:
            x = scale(x)
            scales.append(x)
        tokens = [
            F.avg_pool2d(x, self.token_stride // stride, ceil_mode=True)
            for x, stride in zip(scales, (4, 8, 16, 32), strict=True)
        ]
        semantics = self.transformer(torch.cat(tokens, dim=1)).split(self.widths, dim=1)
        injected = [
            inject(local, found)
            for inject, local, found in zip(self.injections, scales[1:], semantics[1:], strict=True)
        ]
        total = injected[0]
        for coarse in injected[1:]:
            total = total + _enlarge(coarse, total)
        return _enlarge(self.head(total), image)


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand by 1x1, depthwise, project by 1x1; the input added if it fits.

    (N, C, H, W) -> (N, D, H / stride, W / stride). At an expansion of 1 there is nothing to expand.
    """

    def __init__(
        self, before: int, after: int, expansion: int, *, kernel: int, stride: int
    ) -> None:
        super().__init__()
        inside = expansion * before
        self.adds = stride == 1 and before == after
        self.convs = nn.Sequential()
        if expansion > 1:
            self.convs.extend(_conv_norm(before, inside)).append(nn.ReLU(inplace=True))
        self.convs.extend(_conv_norm(inside, inside, kernel=kernel, stride=stride, groups=inside))
        self.convs.append(nn.ReLU(inplace=True)).extend(_conv_norm(inside, after))

    @property
    def projection(self) -> nn.Module:
        """The convolution that narrows."""
        return self.convs[-2]

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's map."""
        found: Tensor = self.convs(x)
        return x + found if self.adds else found


class TransformerBlock(nn.Module):
    """Attention, then a feed-forward network, each beside a shortcut; (N, C, h, w) keeps its size.

    Batch norm stands where other transformers have layer norm.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(channels, heads)
        self.feed_forward = nn.Sequential(
            *_conv_norm(channels, 2 * channels),
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels),
            nn.ReLU6(inplace=True),
            *_conv_norm(2 * channels, channels),
        )

    @property
    def projection(self) -> nn.Module:
        """The last convolution of the feed-forward network."""
        return self.feed_forward[-2]

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens."""
        x = x + self.attention(x)
        total: Tensor = x + self.feed_forward(x)
        return total


class Attention(nn.Module):
    """Self-attention over the places of a map; (N, C, h, w) keeps its size."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = _conv_norm(channels, heads * KEY)
        self.key = _conv_norm(channels, heads * KEY)
        self.value = _conv_norm(channels, heads * VALUE)
        self.project = nn.Sequential(nn.ReLU6(), *_conv_norm(heads * VALUE, channels))

    def draw_queries(self) -> None:
        """Draw weights of queries and keys that are small, as transformers begin.

        With larger ones each softmax of an untrained network picks one place, and rounding says
        which. Training is the same with either, for batch norm follows.
        """
        for each in (self.query, self.key):
            for weight in each[0].parameters():
                nn.init.normal_(weight, std=0.02)

    @property
    def projection(self) -> nn.Module:
        """The last convolution."""
        return self.project[-2]

    def forward(self, x: Tensor) -> Tensor:
        """Return what each place finds in all of them."""
        query, key, value = (
            each(x).flatten(2).unflatten(1, (self.heads, -1))  # N, heads, channels, places
            for each in (self.query, self.key, self.value)
        )
        scores = query.transpose(2, 3) @ key / KEY**0.5
        found = value @ scores.softmax(dim=3).transpose(2, 3)
        projected: Tensor = self.project(found.flatten(1, 2).unflatten(2, x.shape[-2:]))
        return projected


class Injection(nn.Module):
    """Weigh local tokens by their semantics, and add these (section 3.3).

    (N, C, H, W) and (N, C, h, w) -> (N, D, H, W).
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.local = _conv_norm(before, after)
        self.weight = _conv_norm(before, after)
        self.semantics = _conv_norm(before, after)

    def forward(self, local: Tensor, semantics: Tensor) -> Tensor:
        """Return the local tokens with their semantics."""
        weight = _enlarge(torch.sigmoid(self.weight(semantics)), local)
        total: Tensor = self.local(local) * weight + _enlarge(self.semantics(semantics), local)
        return total


def _conv_norm(
    before: int, after: int, *, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    conv = nn.Conv2d(
        before, after, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(after))


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
