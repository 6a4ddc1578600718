"""SegNet and SegNet-Basic: decoders that put maxima back where the encoder's pooling found them."""

from collections.abc import Iterable
from itertools import pairwise

import torch.nn.functional as F  # noqa: N812, torch's own name for it
from torch import Tensor, nn

from zoo.exporting import max_unpool
from zoo.layers import check_image, initialise_for_relu
from zoo.options import PositiveInt, check_options

__all__ = ["SegNet", "SegNetBasic", "segnet", "segnet_basic"]

VGG16 = (
    (3, 64, 64),
    (64, 128, 128),
    (128, 256, 256, 256),
    (256, 512, 512, 512),
    (512, 512, 512, 512),
)


def segnet(*, classes: PositiveInt = 22) -> "SegNet":
    """Build SegNet on VGG-16 (Badrinarayanan, Kendall and Cipolla, PAMI 2017, section 3).

    The SegFast paper's text calls its control SegNet-Basic, but its row in Table 5 and its
    description ("a standard VGG 16 architecture") are this network.

    Args:
        classes: channels of the logits.

    Raises:
        OptionError: `classes` is no positive whole number.

    >>> network = segnet(classes=22)
    >>> sum(parameter.numel() for parameter in network.parameters())
    29455702
    """
    check_options("segnet", segnet, locals())
    network = SegNet(classes)
    initialise_for_relu(network)
    return network


def segnet_basic(*, classes: PositiveInt = 22) -> "SegNetBasic":
    """Build SegNet-Basic (Badrinarayanan, Kendall and Cipolla, PAMI 2017, section 3.1).

    The original also normalises its input by local response, which this leaves to the data. The
    SegFast paper names it in section 4.2 and prints no figures of it.

    Args:
        classes: channels of the logits.

    Raises:
        OptionError: `classes` is no positive whole number.

    >>> sum(parameter.numel() for parameter in segnet_basic(classes=22).parameters())
    1417302
    """
    check_options("segnet-basic", segnet_basic, locals())
    network = SegNetBasic(classes)
    initialise_for_relu(network)
    return network


class SegNet(nn.Module):
    """VGG-16 with batch norm as encoder, and its mirror image as decoder.

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on; training on a
    single image needs H or W of at least 17. Pooling rounds up, as in the authors' Caffe.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(_convs(widths, kernel=3) for widths in VGG16)
        mirrored = [tuple(reversed(widths)) for widths in reversed(VGG16)]
        decoder = [_convs(widths, kernel=3) for widths in mirrored[:-1]]
        self.decoder = nn.ModuleList(
            [*decoder, nn.Sequential(_convs((64, 64), kernel=3), _conv(64, classes, kernel=3))]
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        check_image(self, image, norm_stride=16)
        return _pool_and_unpool(image, self.encoder, self.decoder)


class SegNetBasic(nn.Module):
    """Four stages of one 7x7 convolution each way, 64 channels wide; no ReLU in the decoder.

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on; training on a
    single image needs H or W of at least 9.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(_convs((before, 64), kernel=7) for before in (3, 64, 64, 64))
        self.decoder = nn.ModuleList(
            nn.Sequential(_conv(64, 64, kernel=7), nn.BatchNorm2d(64)) for _ in range(4)
        )
        self.classifier = nn.Conv2d(64, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        check_image(self, image, norm_stride=8)
        logits: Tensor = self.classifier(_pool_and_unpool(image, self.encoder, self.decoder))
        return logits


def _conv(before: int, after: int, *, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, padding=kernel // 2)


def _convs(widths: tuple[int, ...], *, kernel: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [
            _conv(before, after, kernel=kernel),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def _pool_and_unpool(
    x: Tensor, encoder: Iterable[nn.Module], decoder: Iterable[nn.Module]
) -> Tensor:
    pooled: list[tuple[Tensor, list[int]]] = []
    for stage in encoder:
        x = stage(x)
        size = [x.shape[-2], x.shape[-1]]
        x, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
        pooled.append((indices, size))
    for stage in decoder:
        indices, size = pooled.pop()
        x = stage(max_unpool(x, indices, size))
    return x
