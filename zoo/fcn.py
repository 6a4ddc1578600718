"""FCN-8s on VGG-16."""

from torch import Tensor, nn

from zoo.layers import check_image, crop_to, initialise_for_relu
from zoo.options import PositiveInt, check_options

__all__ = ["FCN8s", "fcn8s"]

PADDING = 100  # of the first convolution, so that fc6 fits on any image
CROP4, CROP3, CROP_IMAGE = 5, 9, 31  # where the padded maps line up with the image
SCALE4, SCALE3 = 0.01, 0.0001  # of pool4 and pool3 when all three streams train at once


def fcn8s(*, classes: PositiveInt = 22) -> "FCN8s":
    """Build the at-once FCN-8s (Long, Shelhamer and Darrell, CVPR 2015, and PAMI 2017).

    Weights start as `initialise_for_relu` draws them, not from ImageNet; transposed convolutions
    start bilinear.

    Args:
        classes: channels of the logits.

    Raises:
        OptionError: `classes` is no positive whole number.

    >>> import torch
    >>> with torch.device("meta"):
    ...     network = fcn8s(classes=22)
    >>> sum(parameter.numel() for parameter in network.parameters())
    134507010
    """
    check_options("fcn8s", fcn8s, locals())
    network = FCN8s(classes)
    initialise_for_relu(network)
    return network


class FCN8s(nn.Module):
    """VGG-16 as a convolutional network, its scores summed at strides 32, 16 and 8.

    Images (N, 3, H, W) -> logits (N, classes, H, W), for any H and W from 1 on.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.to_pool3 = nn.Sequential(
            *_stage(3, 64, 2, padding=PADDING), *_stage(64, 128, 2), *_stage(128, 256, 3)
        )
        self.to_pool4 = nn.Sequential(*_stage(256, 512, 3))
        self.to_fc7 = nn.Sequential(
            *_stage(512, 512, 3),
            nn.Conv2d(512, 4096, 7),
            nn.ReLU(inplace=True),
            nn.Dropout2d(),
            nn.Conv2d(4096, 4096, 1),
            nn.ReLU(inplace=True),
            nn.Dropout2d(),
        )
        self.score_fc7 = nn.Conv2d(4096, classes, 1)
        self.score_pool4 = nn.Conv2d(512, classes, 1)
        self.score_pool3 = nn.Conv2d(256, classes, 1)
        self.up_fc7 = nn.ConvTranspose2d(classes, classes, 4, stride=2, bias=False)
        self.up_pool4 = nn.ConvTranspose2d(classes, classes, 4, stride=2, bias=False)
        self.up_pool3 = nn.ConvTranspose2d(classes, classes, 16, stride=8, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`."""
        check_image(self, image, norm_stride=None)
        pool3 = self.to_pool3(image)
        pool4 = self.to_pool4(pool3)
        x = self.up_fc7(self.score_fc7(self.to_fc7(pool4)))
        x = self.up_pool4(x + crop_to(self.score_pool4(pool4 * SCALE4), x, CROP4))
        x = self.up_pool3(x + crop_to(self.score_pool3(pool3 * SCALE3), x, CROP3))
        return crop_to(x, image, CROP_IMAGE)


def _stage(in_channels: int, out_channels: int, convs: int, *, padding: int = 1) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for index in range(convs):
        conv = nn.Conv2d(
            in_channels if index == 0 else out_channels,
            out_channels,
            3,
            padding=padding if index == 0 else 1,
        )
        layers += [conv, nn.ReLU(inplace=True)]
    return [*layers, nn.MaxPool2d(2, ceil_mode=True)]
