"""Networks from outside the zoo, well- and ill-behaved, for workers to build by import string."""

import os
import sys

import torch
from torch import Tensor, nn

MIB_256 = 256 << 20


class Pointwise(nn.Module):
    """One 1x1 convolution."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.classify = nn.Conv2d(3, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.classify(images)


class ReturnsLabels(Pointwise):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).argmax(1)


class RaisesInForward(Pointwise):
    def forward(self, images: Tensor) -> Tensor:
        raise RuntimeError(f"the bridge is out for {images.ndim} axes\nand a second line")


class Bessel(Pointwise):
    """An operator that no engine has."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.special.i1(super().forward(images))


class RaisesInTraining(Pointwise):
    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            raise RuntimeError("there is no training here")
        return super().forward(images)


class Prints(Pointwise):
    def forward(self, images: Tensor) -> Tensor:
        print("forward runs")  # noqa: T201 - that is what it is for
        os.write(1, b"and a C library says so too\n")
        return super().forward(images)


class ReadsStandardInput(Pointwise):
    """Asks its user something at its first forward pass, and takes an end of file for an answer."""

    asked = False

    def forward(self, images: Tensor) -> Tensor:
        if not self.asked:
            self.asked = True
            sys.stdin.readline()
        return super().forward(images)


class Exits(Pointwise):
    def forward(self, images: Tensor) -> Tensor:
        os._exit(3)
        return super().forward(images)


class Fills256MiB(Pointwise):
    """Holds 256 MiB, filled, for a moment of each inference."""

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        if not self.training:
            torch.ones(MIB_256 // 4, dtype=torch.float32)
        return logits


class TinyWeights(Pointwise):
    """All 15 weights and 5 biases are subnormal, and so are all logits."""

    def __init__(self) -> None:
        super().__init__()
        for weight in self.parameters():
            nn.init.constant_(weight, 1e-40)
