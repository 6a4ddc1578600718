"""Networks that train in no time, and one that goes wrong."""

import torch
from torch import Tensor, nn


class Small(nn.Module):
    """Two convolutions with batch norm and dropout, whose state and randomness must be kept."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Conv2d(8, classes, 3, padding=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class WithADraw(Small):
    """Has an option that the zoo's networks have too, and means something else by it."""

    def __init__(self, classes: int = 2, init: str = "mine") -> None:
        super().__init__(classes)
        self.init = init


class Explodes(Small):
    """Returns no numbers from its fifth batch on."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__(classes)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.calls += 1
        return super().forward(images) / (self.calls < 5).float()


class OfOutputs(Small):
    """Returns a dict of logits of half the size, and takes their number as ``outputs``."""

    def __init__(self, *, outputs: int) -> None:
        super().__init__(classes=outputs)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"out": super().forward(images)[:, :, ::2, ::2]}
