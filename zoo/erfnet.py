"""ERFNet: residual modules whose 3x3 convolutions are split into columns and rows."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812, torch's own name for it
from torch import Tensor, nn

from zoo.layers import check_image, crop_to, initialise_for_relu, scaled
from zoo.options import PositiveFloat, PositiveInt, check_options

__all__ = ["ERFNet", "NonBottleneck1D", "erfnet"]

SHALLOW_DROPOUT, DEEP_DROPOUT = 0.03, 0.3  # at strides 4 and 8


def erfnet(
    *,
    classes: PositiveInt = 22,
    width: PositiveFloat = 1.0,
    dilations: tuple[PositiveInt, ...] = (2, 4, 8, 16, 2, 4, 8, 16),
) -> ERFNet:
    """Build ERFNet (Romera et al., T-ITS 2018, section III), with its decoder.

    It has the 2,064,191 parameters at 19 classes that are counted of a public implementation. What
    the paper's text leaves open follows from that count: every convolution has a bias, one behind
    the other with ReLU between and batch norm behind each pair; up-convolutions are transposed 3x3
    convolutions, and the last, which makes the logits, is one of 2x2. Dropout is public code's:
    0.03 at stride 4, 0.3 at stride 8, none in the decoder. The authors train the encoder by itself
    first; here it is trained with its decoder.

    Args:
        classes: channels of the logits.
        width: factor of the channels inside, 16, 64 and 128 at strides 2, 4 and 8.
        dilations: of each module at stride 8, in the second of its two pairs of convolutions.

    Raises:
        OptionError: an option has the wrong type or value.

    >>> erfnet(classes=12)(torch.zeros(1, 3, 45, 61)).shape
    torch.Size([1, 12, 45, 61])
    >>> sum(parameter.numel() for parameter in erfnet(classes=19).parameters())
    2064191
    """
    check_options("erfnet", erfnet, locals())
    network = ERFNet(
        classes=classes,
        widths=(scaled(16, width), scaled(64, width), scaled(128, width)),
        dilations=tuple(dilations),
    )
    initialise_for_relu(network)
    return network


class NonBottleneck1D(nn.Module):
    """Two 3x3 convolutions, each as a column and a row: (N, C, H, W) -> the same (section III-A).

    The second is dilated. What enters is added before the last ReLU.
    """

    def __init__(self, channels: int, *, dilation: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.near = _column_and_row(channels, dilation=1)
        self.far = _column_and_row(channels, dilation=dilation)
        self.dropout = nn.Dropout(dropout) if dropout else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's map of `x`."""
        added = self.far(F.relu(self.near(x)))
        if self.dropout is not None:
            added = self.dropout(added)
        return F.relu(x + added)


class Downsampler(nn.Module):
    """Halve a map, rounded up: (N, C, H, W) -> (N, D, H/2, W/2), with BN and ReLU (section III-B).

    A 3x3 convolution makes the D - C new channels, 2x2 max-pooling the others (as in ENet); where
    D is not more than C, the convolution makes them all.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        pooled = in_channels if in_channels < channels else 0
        self.conv = nn.Conv2d(in_channels, channels - pooled, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(2, ceil_mode=True) if pooled else None
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the smaller map."""
        made = self.conv(x)
        if self.pool is not None:
            made = torch.cat((made, self.pool(x)), dim=1)
        return F.relu(self.norm(made))


class ERFNet(nn.Module):
    """Encoder to stride 8, and a decoder of transposed convolutions without skips (section III-B).

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on; training on a
    single image needs H or W of at least 9. Whatever halves a map rounds up, and the logits are
    cropped.
    """

    def __init__(
        self, *, classes: int, widths: tuple[int, int, int], dilations: tuple[int, ...]
    ) -> None:
        super().__init__()
        first, second, third = widths
        self.encoder = nn.Sequential(
            Downsampler(3, first),
            Downsampler(first, second),  # stride 4 from here
            *(NonBottleneck1D(second, dropout=SHALLOW_DROPOUT) for _ in range(5)),
            Downsampler(second, third),  # stride 8 from here
            *(
                NonBottleneck1D(third, dilation=dilation, dropout=DEEP_DROPOUT)
                for dilation in dilations
            ),
        )
        self.decoder = nn.Sequential(
            *_up(third, second),
            *(NonBottleneck1D(second) for _ in range(2)),
            *_up(second, first),
            *(NonBottleneck1D(first) for _ in range(2)),
            nn.ConvTranspose2d(first, classes, 2, stride=2),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        check_image(self, image, norm_stride=8)
        return crop_to(self.decoder(self.encoder(image)), image)


def _column_and_row(channels: int, *, dilation: int) -> nn.Sequential:
    """Make a 3x1 convolution and a 1x3, with ReLU between and batch norm behind."""
    column, row = (
        nn.Conv2d(channels, channels, kernel, padding=padding, dilation=spread)
        for kernel, padding, spread in (
            ((3, 1), (dilation, 0), (dilation, 1)),
            ((1, 3), (0, dilation), (1, dilation)),
        )
    )
    return nn.Sequential(column, nn.ReLU(), row, nn.BatchNorm2d(channels))


def _up(before: int, after: int) -> tuple[nn.Module, ...]:
    up = nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)
    return up, nn.BatchNorm2d(after), nn.ReLU()
