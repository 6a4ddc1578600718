"""Augmentation: mirrored, enlarged and relit images with their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from segbench.data.scenes import VOID

if TYPE_CHECKING:
    from segbench.training.recipes import Recipe

MIRRORED_SHARE = 0.5
# Weights of red, green and blue in luma (ITU-R BT.601).
LUMA = (0.299, 0.587, 0.114)


def augmented(
    images: torch.Tensor, labels: torch.Tensor, recipe: Recipe, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a batch as the recipe changes it, every image by itself.

    Args:
        images: normalised, (batch, 3, height, width).
        labels: ids, (batch, height, width).
        rng: all that is random comes from it.

    Returns:
        Batches of the same shapes. Pixels outside of an image have the mean colour, and a label
        that the loss ignores.
    """
    if recipe.flip or recipe.zoom is not None:
        images, labels = _moved(images, labels, _windows(len(images), recipe, rng))
    if recipe.light:
        images = _lit(images, recipe.light, rng)
    return images, labels


def _windows(count: int, recipe: Recipe, rng: np.random.Generator) -> torch.Tensor:
    """Return the window of each image: affine maps of -1..1, (count, 2, 3)."""
    low, high = recipe.zoom or (1.0, 1.0)
    zoom = np.exp(rng.uniform(np.log(low), np.log(high), count))
    slack = np.abs(1 - 1 / zoom)  # by which a window can move and show as much of the image
    mirror = (
        np.where(rng.random(count) < MIRRORED_SHARE, -1.0, 1.0) if recipe.flip else np.ones(count)
    )
    maps = np.zeros((count, 2, 3), dtype=np.float32)
    maps[:, 0, 0] = mirror / zoom
    maps[:, 1, 1] = 1 / zoom
    maps[:, :, 2] = rng.uniform(-1, 1, (count, 2)) * slack[:, None]
    return torch.from_numpy(maps)


def _moved(
    images: torch.Tensor, labels: torch.Tensor, windows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    size = [len(images), 1, *images.shape[-2:]]
    grid = functional.affine_grid(windows.to(images.device), size, align_corners=False)
    seen = functional.grid_sample(images, grid, mode="bilinear", align_corners=False)
    # Outside of the image there is 0; ids count from 1 here.
    ids = functional.grid_sample(
        (labels[:, None] + 1).float(), grid, mode="nearest", align_corners=False
    )
    found = ids[:, 0].long() - 1
    return (
        seen.contiguous(memory_format=torch.channels_last),
        found.masked_fill_(found < 0, VOID),
    )


def _lit(images: torch.Tensor, most: float, rng: np.random.Generator) -> torch.Tensor:
    """Return images with other saturation, contrast and brightness."""
    draws = rng.uniform(-most, most, (3, len(images))).astype(np.float32)
    shifts = torch.from_numpy(draws).to(images.device)[..., None, None, None]
    saturation, contrast, brightness = shifts
    luma = torch.tensor(LUMA, device=images.device)[:, None, None]
    grey = (images * luma).sum(dim=1, keepdim=True)
    images = torch.lerp(grey.expand_as(images), images, 1 + saturation)
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    lit: torch.Tensor = torch.lerp(middle.expand_as(images), images, 1 + contrast) + brightness
    return lit


def class_weights(labels: np.ndarray, classes: int, *, void: int, power: float) -> torch.Tensor:
    """Return class weights: a power of each class's rarity.

    Args:
        labels: ids of all training images.
        void: class that void is learnt as; a higher number if it is not learnt.

    Returns:
        (classes,), the median frequency over each frequency, to the power; 1 for a class without
        pixels.

    >>> labels = np.array([[0, 0, 0, 0, VOID]])
    >>> class_weights(labels, 2, void=1, power=1.0).tolist()  # the median is 2.5 pixels
    [0.625, 2.5]
    """
    counts = np.zeros(VOID + 1, dtype=np.int64)
    for scene in labels:  # one at a time: they lie on the disk
        counts += np.bincount(np.ravel(scene), minlength=len(counts))
    if void < classes:
        counts[void] = counts[VOID]
    counts = counts[:classes]
    seen = counts > 0
    weights = np.ones(classes, dtype=np.float32)
    if seen.any():
        weights[seen] = (np.median(counts[seen]) / counts[seen]) ** power
    return torch.from_numpy(weights)
