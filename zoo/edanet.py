"""EDANet: dense blocks of modules whose 3x3 convolutions are 3x1 and 1x3, at stride 8."""

import torch
import torch.nn.functional as F  # noqa: N812, torch's own name for it
from torch import Tensor, nn

from zoo.layers import check_image, enlarge, initialise_for_relu, scaled
from zoo.options import PositiveFloat, PositiveInt, check_options

__all__ = ["EDANet", "edanet"]

STARTS = (15, 60, 130)  # channels at strides 2, 4 and 8, before what the blocks add
FIRST = (1, 1, 1, 2, 2)  # dilations of the modules at stride 4
SECOND = (2, 2, 4, 4, 8, 8, 16, 16)  # and at stride 8


def edanet(
    *, classes: PositiveInt = 22, width: PositiveFloat = 1.0, growth: PositiveInt = 40
) -> "EDANet":
    """Build EDANet (Lo et al., ACM MM Asia 2019, section 3).

    At 19 classes it has the 689,485 parameters of public implementations, in which convolutions
    have biases; the paper rounds its own to 0.68 M. Public implementations have a ReLU more in each
    module, between its last two convolutions.

    Args:
        classes: channels of the logits.
        width: share of the paper's channels inside, to the nearest multiple of 8.
        growth: channels that each module adds to what it is given, before `width` (paper: k).

    Raises:
        OptionError: an option has the wrong type or value.

    >>> network = edanet(classes=19)
    >>> sum(parameter.numel() for parameter in network.parameters())
    689485
    """
    check_options("edanet", edanet, locals())
    network = EDANet(classes=classes, width=width, growth=growth)
    initialise_for_relu(network)
    return network


class EDANet(nn.Module):
    """Three halvings, a dense block behind the second and the third, and a classifier at stride 8.

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on; training on a
    single image needs H or W of at least 9. Pooling rounds up.
    """

    def __init__(self, *, classes: int, width: float, growth: int) -> None:
        super().__init__()
        half, quarter, eighth = (scaled(channels, width) for channels in STARTS)
        grown = scaled(growth, width)
        before_third = quarter + len(FIRST) * grown
        self.body = nn.Sequential(
            Halving(3, half),
            Halving(half, quarter),
            *_dense(quarter, grown, FIRST),
            Halving(before_third, eighth),
            *_dense(eighth, grown, SECOND),
        )
        self.classifier = nn.Conv2d(eighth + len(SECOND) * grown, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        check_image(self, image, norm_stride=8)
        return enlarge(self.classifier(self.body(image)), image)


class Halving(nn.Module):
    """Convolve 3x3 with stride 2, beside max pooling where channels are to become more.

    (N, C, H, W) -> (N, D, H / 2, W / 2), rounded up; the convolution makes what pooling leaves.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pools = out_channels > in_channels
        made = out_channels - in_channels if self.pools else out_channels
        self.conv = nn.Conv2d(in_channels, made, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the smaller map, behind a ReLU."""
        made = self.conv(x)
        if self.pools:
            made = torch.cat((made, F.max_pool2d(x, 2, ceil_mode=True)), dim=1)
        return F.relu(self.norm(made))


class AsymmetricModule(nn.Module):
    """Narrow by 1x1, convolve 3x3 twice as 3x1 and 1x3, and put the input behind (section 3.1).

    (N, C, H, W) -> (N, grown + C, H, W); the second pair is dilated.
    """

    def __init__(self, in_channels: int, grown: int, *, dilation: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(in_channels, grown, 1),
            *_norm_relu(grown),
            *_pair(grown, 1),
            *_pair(grown, dilation),
            nn.Dropout(0.02),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return what is new, and then the input."""
        return torch.cat((self.block(x), x), dim=1)


def _dense(channels: int, grown: int, dilations: tuple[int, ...]) -> list[AsymmetricModule]:
    return [
        AsymmetricModule(channels + number * grown, grown, dilation=dilation)
        for number, dilation in enumerate(dilations)
    ]


def _pair(channels: int, dilation: int) -> list[nn.Module]:
    d = dilation
    return [
        nn.Conv2d(channels, channels, (3, 1), padding=(d, 0), dilation=(d, 1)),
        nn.Conv2d(channels, channels, (1, 3), padding=(0, d), dilation=(1, d)),
        *_norm_relu(channels),
    ]


def _norm_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
