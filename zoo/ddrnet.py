"""DDRNet: two branches of residual blocks, at strides 8 and 64, that inform each other twice."""

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812, torch's own name for it
from torch import Tensor, nn

from zoo.layers import check_image, initialise_for_relu, scaled
from zoo.options import PositiveFloat, PositiveInt, check_options

__all__ = ["DDRNet", "ddrnet23_slim"]

BASE = 32  # channels at strides 2 and 4
POOLS = ((5, 2), (9, 4), (17, 8))  # kernels and strides of the pyramid


def ddrnet23_slim(
    *,
    classes: PositiveInt = 22,
    width: PositiveFloat = 1.0,
    pyramid_width: PositiveInt = 128,
    head_width: PositiveInt = 64,
    auxiliary: bool = False,
) -> "DDRNet":
    """Build DDRNet-23-slim (Hong et al., 2021, section III).

    What the paper leaves open is as in its authors' code: biases in both convolutions of the stem,
    the last block of each stage and both bottlenecks without a ReLU of their own, a pyramid and a
    head whose batch norms and ReLUs come before their convolutions, and pooling that counts the
    zeros of its padding. ``width=2,pyramid_width=64`` is DDRNet-23.

    Args:
        classes: channels of the logits.
        width: factor of all channels inside.
        pyramid_width: channels of each scale of the pyramid pooling (DAPPM).
        head_width: channels of the segmentation head.
        auxiliary: whether training has a second head on the fine branch after the first exchange;
            the paper gives its loss the weight 0.4.

    Raises:
        OptionError: an option has the wrong type or value.

    >>> ddrnet23_slim(classes=12)(torch.zeros(2, 3, 45, 61)).shape
    torch.Size([2, 12, 45, 61])
    >>> len(ddrnet23_slim(auxiliary=True)(torch.zeros(2, 3, 8, 8)))
    2
    """
    check_options("ddrnet23-slim", ddrnet23_slim, locals())
    network = DDRNet(
        classes=classes,
        widths=[scaled(BASE * factor, width) for factor in (1, 2, 4, 8, 16)],
        pyramid_width=scaled(pyramid_width, width),
        head_width=scaled(head_width, width),
        auxiliary=auxiliary,
    )
    initialise_for_relu(network)
    return network


class DDRNet(nn.Module):
    """A trunk to stride 8, two branches from there, a pyramid on the coarse one, a head.

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on, without padding:
    sizes are rounded up at each stride. Training takes two images, for batch norm meets a map
    pooled over the whole image. While it trains with the auxiliary head, a tuple: the logits and
    those of that head.
    """

    def __init__(
        self,
        *,
        classes: int,
        widths: list[int],
        pyramid_width: int,
        head_width: int,
        auxiliary: bool,
    ) -> None:
        super().__init__()
        base, fine, third, fourth, fifth = widths
        self.stem = nn.Sequential(*_stem_conv(3, base), *_stem_conv(base, base))
        self.layer1 = _blocks(base, base, stride=1)
        self.layer2 = _blocks(base, fine, stride=2)
        self.coarse3 = _blocks(fine, third, stride=2)
        self.fine3 = _blocks(fine, fine, stride=1)
        self.exchange3 = Exchange(fine, [third])
        self.coarse4 = _blocks(third, fourth, stride=2)
        self.fine4 = _blocks(fine, fine, stride=1)
        self.exchange4 = Exchange(fine, [third, fourth])
        self.coarse5 = Bottleneck(fourth, fourth, fifth, stride=2)
        self.fine5 = Bottleneck(fine, fine, third, stride=1)
        self.pyramid = PyramidPooling(fifth, pyramid_width, third)
        self.head = _head(third, head_width, classes)
        self.auxiliary = nn.ModuleList([_head(fine, head_width, classes)]) if auxiliary else None

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the logits of `image`, and in training those of the auxiliary head."""
        check_image(self, image, norm_stride=64, pooled_norm=True)
        trunk = F.relu(self.layer2(F.relu(self.layer1(self.stem(image)))))  # stride 8
        coarse, fine = self.exchange3(self.coarse3(trunk), self.fine3(trunk))
        early = fine
        coarse, fine = self.exchange4(self.coarse4(F.relu(coarse)), self.fine4(F.relu(fine)))
        context = self.pyramid(self.coarse5(F.relu(coarse)))  # stride 64
        fine = self.fine5(F.relu(fine))
        logits = _enlarge(self.head(fine + _enlarge(context, fine)), image)
        if self.auxiliary is None or not self.training:
            return logits
        return (logits, *(_enlarge(head(early), image) for head in self.auxiliary))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: (N, C, H, W) -> (N, D, H / stride, W / stride).

    The sum is left without ReLU.
    """

    def __init__(self, before: int, after: int, *, stride: int = 1) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            *_conv_norm(before, after, stride=stride),
            nn.ReLU(inplace=True),
            *_conv_norm(after, after),
        )
        self.shortcut = _shortcut(before, after, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both ways."""
        total: Tensor = self.convs(x) + self.shortcut(x)
        return total


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 beside a shortcut: (N, C, H, W) -> (N, D, H / stride, W / stride).

    The sum is left without ReLU.
    """

    def __init__(self, before: int, inside: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            *_conv_norm(before, inside, kernel=1),
            nn.ReLU(inplace=True),
            *_conv_norm(inside, inside, stride=stride),
            nn.ReLU(inplace=True),
            *_conv_norm(inside, after, kernel=1),
        )
        self.shortcut = _shortcut(before, after, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both ways."""
        total: Tensor = self.convs(x) + self.shortcut(x)
        return total


class Exchange(nn.Module):
    """Add to each branch what the other has (bilateral fusion).

    Coarse (N, D, h, w) and fine (N, C, H, W) -> the same. The fine map goes down by 3x3
    convolutions of stride 2, one a halving, the coarse one up by a 1x1 convolution and
    interpolation.
    """

    def __init__(self, fine: int, down: list[int]) -> None:
        super().__init__()
        self.up = _conv_norm(down[-1], fine, kernel=1)
        self.down = _conv_norm(fine, down[0], stride=2)
        for before, after in pairwise(down):
            self.down.append(nn.ReLU(inplace=True)).extend(_conv_norm(before, after, stride=2))

    def forward(self, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
        """Return both sums, without ReLU."""
        up = _enlarge(self.up(F.relu(coarse)), fine)
        return coarse + self.down(F.relu(fine)), fine + up


class PyramidPooling(nn.Module):
    """Deep aggregation pyramid pooling (DAPPM): (N, C, h, w) -> (N, D, h, w).

    Context from windows of 5, 9, 17 and the whole map; each scale is convolved with the one before
    it added.
    """

    def __init__(self, before: int, width: int, after: int) -> None:
        super().__init__()
        pools: list[nn.Module] = [
            nn.AvgPool2d(kernel, stride=stride, padding=kernel // 2) for kernel, stride in POOLS
        ]
        pools.append(nn.AdaptiveAvgPool2d(1))
        self.place = _norm_relu_conv(before, width, kernel=1)
        self.scales = nn.ModuleList(
            nn.Sequential(pool, *_norm_relu_conv(before, width, kernel=1)) for pool in pools
        )
        self.process = nn.ModuleList(_norm_relu_conv(width, width, kernel=3) for _ in pools)
        self.compress = _norm_relu_conv(width * (len(pools) + 1), after, kernel=1)
        self.shortcut = _norm_relu_conv(before, after, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with its context, and with a shortcut around it."""
        found = [self.place(x)]
        for scale, process in zip(self.scales, self.process, strict=True):
            found.append(process(_enlarge(scale(x), x) + found[-1]))
        total: Tensor = self.compress(torch.cat(found, dim=1)) + self.shortcut(x)
        return total


def _conv_norm(before: int, after: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after))


def _norm_relu_conv(before: int, after: int, *, kernel: int) -> nn.Sequential:
    conv = nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.BatchNorm2d(before), nn.ReLU(inplace=True), conv)


def _stem_conv(before: int, after: int) -> list[nn.Module]:
    conv = nn.Conv2d(before, after, 3, stride=2, padding=1)
    return [conv, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


def _shortcut(before: int, after: int, stride: int) -> nn.Module:
    if stride == 1 and before == after:
        return nn.Identity()
    return _conv_norm(before, after, kernel=1, stride=stride)


def _blocks(before: int, after: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        BasicBlock(before, after, stride=stride), nn.ReLU(), BasicBlock(after, after)
    )


def _head(before: int, width: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        *_norm_relu_conv(before, width, kernel=3),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, classes, 1),
    )


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
