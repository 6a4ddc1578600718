"""Networks that train in no time, and one that goes wrong."""

import os

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


class Wide(nn.Module):
    """Has an option for its width, which pruning asks for, and a shortcut."""

    def __init__(self, classes: int = 2, width: float = 1.0) -> None:
        super().__init__()
        wide = round(32 * width)
        self.stem = nn.Sequential(nn.Conv2d(3, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU())
        self.body = nn.Sequential(
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.Conv2d(wide, wide, 1),
        )
        self.head = nn.Conv2d(wide, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        return self.head(torch.relu(x + self.body(x)))


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


class WithHeads(Small):
    """Has two auxiliary heads, one of half the size; their logits are 0 until the first step."""

    def __init__(self, classes: int = 2, *, auxiliary: bool = False) -> None:
        super().__init__(classes)
        self.auxiliary = None
        if auxiliary:
            heads = (nn.Conv2d(8, classes, 1, stride=stride) for stride in (1, 2))
            self.auxiliary = nn.ModuleList(heads)
            for weight in self.auxiliary.parameters():
                nn.init.zeros_(weight)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        features = self.layers[:-1](images)
        logits = self.layers[-1](features)
        if self.auxiliary is None or not self.training:
            return logits
        return (logits, *(head(features) for head in self.auxiliary))


class Headless(Small):
    """Takes the option of auxiliary heads, and has none."""

    def __init__(self, classes: int = 2, *, auxiliary: bool = False) -> None:
        super().__init__(classes)
        del auxiliary


class Silent(WithHeads):
    """Has auxiliary heads, and does not return what they say."""

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class WithAnAuxiliary(Small):
    """Has an option that the zoo's networks have too, and means something else by it."""

    def __init__(self, classes: int = 2, auxiliary: str = "mine") -> None:
        super().__init__(classes)
        self.init = auxiliary


class OfOutputs(Small):
    """Returns a dict of logits of half the size, and takes their number as ``outputs``."""

    def __init__(self, *, outputs: int) -> None:
        super().__init__(classes=outputs)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"out": super().forward(images)[:, :, ::2, ::2]}


class Dies(Small):
    """Ends its process in its first batch."""

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            os._exit(3)
        return super().forward(images)
