"""ENet: many bottlenecks down, and few up, which put maxima back where they were."""

from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812, torch's own name for it
from torch import Tensor, nn

from zoo.exporting import max_unpool
from zoo.layers import check_image, crop_to, initialise_for_relu, pad_to_multiple, scaled
from zoo.options import PositiveFloat, PositiveInt, check_options

__all__ = ["ENet", "enet"]

Slopes: TypeAlias = Literal["layer", "channel"]
Pooled: TypeAlias = tuple[Tensor, list[int]]  # where the maxima were, in a map of which size

INITIAL, FIRST, SECOND = 16, 64, 128  # channels at strides 2, 4 and 8
Kind: TypeAlias = Literal["3x3", "5x5"] | int
MIDDLE: tuple[Kind, ...] = ("3x3", 2, "5x5", 4, "3x3", 8, "5x5", 16)  # sections 2 and 3 (Table 1)
NARROWER = 4  # times as many channels around a bottleneck as in it


def enet(
    *,
    classes: PositiveInt = 22,
    width: PositiveFloat = 1.0,
    slopes: Slopes = "layer",
) -> "ENet":
    """Build ENet (Paszke, Chaurasia, Kim and Culurciello 2016, section 3).

    At 19 classes it has the 358,060 parameters of public implementations; the paper rounds its own
    to 0.37 M. Like them, it has ReLU in its decoder, and in each bottleneck a nonlinearity behind
    the last convolution besides the one behind the sum. Weights are drawn for ReLU; the paper does
    not say how its own were.

    Args:
        classes: channels of the logits.
        width: share of the paper's channels inside, to the nearest multiple of 8.
        slopes: whether a PReLU learns one slope, as in public implementations, or, as in the paper
            (section 4), one for each channel.

    Raises:
        OptionError: an option has the wrong type or value.

    >>> network = enet(classes=19)
    >>> sum(parameter.numel() for parameter in network.parameters())
    358060
    """
    check_options("enet", enet, locals())
    network = ENet(classes=classes, width=width, slopes=slopes)
    initialise_for_relu(network)
    return network


class ENet(nn.Module):
    """Twenty-two bottlenecks down to stride 8, five up to stride 2, and a transposed convolution.

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on: they are padded
    with zeros, at the right and the bottom, to multiples of 8, and the logits are cropped. Training
    on a single image needs H or W of at least 9.
    """

    def __init__(self, *, classes: int, width: float, slopes: Slopes) -> None:
        super().__init__()
        initial, first, second = (scaled(channels, width) for channels in (INITIAL, FIRST, SECOND))
        self.initial = Initial(initial, slopes)
        self.down1 = Downsampling(initial, first, slopes, dropout=0.01)
        self.stage1 = nn.Sequential(
            *(Bottleneck(first, "3x3", slopes, dropout=0.01) for _ in range(4))
        )
        self.down2 = Downsampling(first, second, slopes, dropout=0.1)
        self.stage2 = nn.Sequential(
            *(Bottleneck(second, kind, slopes, dropout=0.1) for kind in MIDDLE + MIDDLE)
        )
        self.up4 = Upsampling(second, first)
        self.stage4 = nn.Sequential(
            *(Bottleneck(first, "3x3", None, dropout=0.1) for _ in range(2))
        )
        self.up5 = Upsampling(first, initial)
        self.stage5 = Bottleneck(initial, "3x3", None, dropout=0.1)
        self.classifier = _up3x3(initial, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        check_image(self, image, norm_stride=8)
        x = self.initial(pad_to_multiple(image, 8))
        x, first = self.down1(x)
        x, second = self.down2(self.stage1(x))
        x = self.stage4(self.up4(self.stage2(x), second))
        x = self.stage5(self.up5(x, first))
        return crop_to(self.classifier(x), image)


class Initial(nn.Module):
    """Convolve 3x3 with stride 2, beside the image's maxima (Figure 2a): (N, C, H / 2, W / 2)."""

    def __init__(self, channels: int, slopes: Slopes) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels - 3, 3, stride=2, padding=1, bias=False)
        self.norm = nn.Sequential(nn.BatchNorm2d(channels), _nonlinear(channels, slopes))

    def forward(self, image: Tensor) -> Tensor:
        """Return what was convolved, and then the maxima."""
        both = torch.cat((self.conv(image), F.max_pool2d(image, 2)), dim=1)
        found: Tensor = self.norm(both)
        return found


class Bottleneck(nn.Module):
    """Narrow by 1x1, convolve, widen by 1x1, and add the input: (N, C, H, W) (Figure 2b).

    `kind` says how it convolves: 3x3, 5x5 as 5x1 and 1x5, or 3x3 dilated by that number.
    """

    def __init__(
        self,
        channels: int,
        kind: Kind,
        slopes: Slopes | None,
        *,
        dropout: float,
    ) -> None:
        super().__init__()
        narrow = channels // NARROWER
        if kind == "5x5":
            convs = [
                *_conv(narrow, narrow, (5, 1), slopes, padding=(2, 0)),
                *_conv(narrow, narrow, (1, 5), slopes, padding=(0, 2)),
            ]
        else:
            dilation = 1 if kind == "3x3" else int(kind)
            convs = _conv(narrow, narrow, 3, slopes, padding=dilation, dilation=dilation)
        self.block = nn.Sequential(
            *_conv(channels, narrow, 1, slopes),
            *convs,
            *_conv(narrow, channels, 1, slopes),
            nn.Dropout2d(dropout),
        )
        self.after = _nonlinear(channels, slopes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        found: Tensor = self.after(x + self.block(x))
        return found


class Downsampling(nn.Module):
    """Such a bottleneck with stride 2, beside max pooling: (N, C, H, W) -> (N, D, H / 2, W / 2).

    The maxima have zeros for the channels that the input does not have.
    """

    def __init__(
        self, in_channels: int, out_channels: int, slopes: Slopes, *, dropout: float
    ) -> None:
        super().__init__()
        narrow = in_channels // NARROWER
        self.block = nn.Sequential(
            *_conv(in_channels, narrow, 2, slopes, stride=2),
            *_conv(narrow, narrow, 3, slopes, padding=1),
            *_conv(narrow, out_channels, 1, slopes),
            nn.Dropout2d(dropout),
        )
        self.after = _nonlinear(out_channels, slopes)
        self.added = out_channels - in_channels

    def forward(self, x: Tensor) -> tuple[Tensor, Pooled]:
        """Return the smaller map, and where in `x` the maxima were."""
        maxima, places = F.max_pool2d(x, 2, return_indices=True)
        wide = F.pad(maxima, (0, 0, 0, 0, 0, self.added))
        return self.after(wide + self.block(x)), (places, [x.shape[-2], x.shape[-1]])


class Upsampling(nn.Module):
    """One with a transposed convolution, beside unpooling: (N, C, H, W) -> (N, D, 2H, 2W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        narrow = in_channels // NARROWER
        self.unpooled = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
        )
        self.block = nn.Sequential(
            *_conv(in_channels, narrow, 1, None),
            _up3x3(narrow, narrow),
            nn.BatchNorm2d(narrow),
            nn.ReLU(inplace=True),
            *_conv(narrow, out_channels, 1, None),
            nn.Dropout2d(0.1),
        )

    def forward(self, x: Tensor, pooled: Pooled) -> Tensor:
        """Return the larger map; what was pooled says where values of the other branch go."""
        return F.relu(max_unpool(self.unpooled(x), *pooled) + self.block(x))


def _conv(
    in_channels: int,
    out_channels: int,
    kernel: int | tuple[int, int],
    slopes: Slopes | None,
    *,
    stride: int = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int = 1,
) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(out_channels),
        _nonlinear(out_channels, slopes),
    ]


def _nonlinear(channels: int, slopes: Slopes | None) -> nn.Module:
    """Make a PReLU; a ReLU where no slope is learnt."""
    if slopes is None:
        return nn.ReLU(inplace=True)
    return nn.PReLU(channels if slopes == "channel" else 1)


def _up3x3(in_channels: int, out_channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(
        in_channels, out_channels, 3, stride=2, padding=1, output_padding=1, bias=False
    )
