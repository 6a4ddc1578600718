"""Drawn street scenes as images: what runtimes are compared on, and calibrated with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from segbench.data.registry import BUILT_IN, open_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator


def street_pixels(
    shape: tuple[int, int, int, int], batches: int, *, split: str = "val"
) -> Iterator[torch.Tensor]:
    """Yield batches of drawn street scenes as bytes, (batch, height, width, 3).

    Args:
        shape: of the network's input, (batch, 3, height, width).
        split: of the dataset `streets`.

    >>> [batch.shape for batch in street_pixels((2, 3, 24, 32), 1)]
    [torch.Size([2, 24, 32, 3])]
    """
    batch, _, height, width = shape
    scenes = open_dataset(BUILT_IN).splits[split]
    for number in range(batches):
        pictures = [
            np.array(Image.fromarray(scenes[number * batch + at].image()).resize((width, height)))
            for at in range(batch)
        ]
        yield torch.from_numpy(np.stack(pictures))
