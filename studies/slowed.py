"""SegFast with a known amount of extra convolution work, to see whether a slow-down is caught.

The extra work is convolutions, for a `sleep` would leave caches and cores to others. Its logits are
those of SegFast: what the convolutions give is multiplied by zero and added to the images.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import zoo

EXTRA_CHANNELS = 16
EXTRA_SIZE = 56  # pixels, a quarter of the paper's input


class Slowed(nn.Module):
    """SegFast and a number of extra 3x3 convolutions of 16 channels at 56x56.

    Input: images (batch, 3, height, width); output: logits (batch, classes, height, width).
    """

    def __init__(self, *, extra: int, classes: int) -> None:
        super().__init__()
        self.network = zoo.build("segfast", classes=classes)
        self.ballast = nn.Sequential(
            *(
                nn.Conv2d(EXTRA_CHANNELS, EXTRA_CHANNELS, 3, padding=1, bias=False)
                for _ in range(extra)
            )
        )
        self.register_buffer("load", torch.ones(1, EXTRA_CHANNELS, EXTRA_SIZE, EXTRA_SIZE))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of SegFast."""
        if len(self.ballast):
            # Nought times a number, added where it costs the least: at the input.
            images = images + 0 * self.ballast(self.load).mean()
        logits: Tensor = self.network(images)
        return logits


def segfast(*, extra: int = 0, classes: int = 22) -> nn.Module:
    """Build SegFast with so many extra convolutions.

    >>> segfast(extra=2)(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 22, 64, 64])
    """
    return Slowed(extra=extra, classes=classes)
