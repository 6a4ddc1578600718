"""The reference workload: a fixed network whose time is a unit that travels between machines.

A budget of ``2 * reference`` asks for no more than twice the time that this machine, now, needs for
it. It has what segmentation networks on a CPU are made of, and never changes: another size or layer
would be another unit.
"""

from __future__ import annotations

from torch import Tensor, nn

CLASSES = 22


class Convolutions(nn.Module):
    """Dense, pointwise and depthwise convolutions with batch norm and ReLU, at one resolution.

    For an image of 3x112x112 it takes 833,724,416 multiply-accumulates. Input: images
    (batch, 3, height, width); output: logits (batch, classes, height, width).

    >>> import torch
    >>> Convolutions()(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 22, 8, 8])
    """

    def __init__(self, *, classes: int = CLASSES) -> None:
        super().__init__()
        layers = [*_convolution(3, 32, 3)]
        for _ in range(4):
            layers += _convolution(32, 32, 3)
            layers += _convolution(32, 96, 1)
            layers += _convolution(96, 96, 3, groups=96)
            layers += _convolution(96, 32, 1)
        self.layers = nn.Sequential(*layers, nn.Conv2d(32, classes, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.layers(images)
        return logits


def _convolution(channels: int, filters: int, size: int, *, groups: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, filters, size, padding=size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(inplace=True),
    ]
