"""Networks of every kind of product, whose multiply-accumulates are counted by hand."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Products(nn.Module):
    """Convolutions, plain, depthwise, grouped and transposed, and products of matrices.

    Its input is halved, so that a map of rows x columns has `places` = rows * columns / 4 of them
    in the middle; see :func:`macs_of_products`.
    """

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()
        )
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.grouped = nn.Conv2d(8, 16, 1, groups=2)
        self.linear = nn.Linear(16, 12)
        self.up = nn.ConvTranspose2d(12, 12, 2, stride=2, groups=12)
        self.spread = nn.ConvTranspose2d(12, 8, 3, padding=1)
        self.logits = nn.Conv2d(8, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        features = self.grouped(functional.relu(self.depthwise(self.stem(images))))
        batch, _, rows, columns = features.shape
        tokens = self.linear(features.flatten(2).transpose(1, 2))
        alike = torch.matmul(tokens, tokens.transpose(1, 2)).sigmoid()
        mixed = torch.matmul(alike, tokens)
        features = mixed.transpose(1, 2).reshape(batch, 12, rows, columns)
        return self.logits(functional.relu(self.spread(self.up(features))))


def macs_of_products(batch: int, places: int, classes: int) -> dict[str, int]:
    """Return the MACs of each of its modules; ``""`` are the products that no module holds."""
    return {
        "stem.0": batch * places * 8 * 3 * 9,
        "depthwise": batch * places * 8 * 9,
        "grouped": batch * places * 16 * 4,
        "linear": batch * places * 12 * 16,
        "": 2 * batch * places * places * 12,
        "up": batch * places * 12 * 4,  # each value of the input meets 2 x 2 weights
        "spread": batch * 4 * places * 12 * 8 * 9,
        "logits": batch * 4 * places * classes * 8,
    }
