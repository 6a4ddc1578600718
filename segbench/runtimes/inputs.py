"""The input of a network: seeded noise, or a picture read, resized and normalised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from segbench.data.pictures import load_picture
from segbench.runtimes.normalisation import DEVIATION, MEAN


def make_noise(shape: tuple[int, int, int, int], *, seed: int) -> torch.Tensor:
    """Return standard normal noise, the same for the same seed.

    >>> make_noise((1, 3, 8, 8), seed=0).shape
    torch.Size([1, 3, 8, 8])
    """
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def read_picture(path: Path, *, shape: tuple[int, int, int, int]) -> torch.Tensor:
    """Read a picture into a batch: resized bilinearly, normalised, repeated.

    Returns:
        Floats of the given shape (batch, 3, height, width).

    Raises:
        DataError: the file cannot be read as a picture.
    """
    batch, _, height, width = shape
    opened = load_picture(path, what="picture", mode="RGB")
    picture = opened.resize((width, height), Image.Resampling.BILINEAR)
    image = normalised(torch.from_numpy(np.array(picture)[None]))
    return image.contiguous().expand(batch, -1, -1, -1).clone()


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """Return images as networks take them, (batch, 3, height, width), channels last.

    Args:
        pixels: bytes of red, green and blue, (batch, height, width, 3).
    """
    scale = torch.tensor([1 / (255 * part) for part in DEVIATION], device=pixels.device)
    shift = torch.tensor(
        [mean / part for mean, part in zip(MEAN, DEVIATION, strict=True)], device=pixels.device
    )
    return pixels.float().mul_(scale).sub_(shift).permute(0, 3, 1, 2)
