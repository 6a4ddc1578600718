"""Recipes: everything about training but the network, the data and the seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segbench.errors import UsageError
from zoo.errors import did_you_mean


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained, with Adam (Kingma and Ba, ICLR 2015).

    Attributes:
        rate: the learning rate, the same in all epochs.
        betas: decay of the means of gradients and of their squares.
        epsilon: what is added to the root of the latter.
        batch: images in a batch, unless another number is asked for.
        epochs: at most, likewise.
        patience: epochs without a better validation mIoU after which training ends.
    """

    name: str
    summary: str
    rate: float
    betas: tuple[float, float]
    epsilon: float
    batch: int
    epochs: int
    patience: int


_RECIPES = (
    Recipe(
        name="paper",
        # Section 4.1 names all but the batch and the patience.
        summary="the SegFast paper's: Adam at 1e-3, no augmentation, early stopping",
        rate=1e-3,
        betas=(0.9, 0.999),
        epsilon=1e-8,
        batch=8,
        epochs=200,
        patience=30,
    ),
)
RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in _RECIPES}


def find_recipe(name: str) -> Recipe:
    """Return the recipe of this name.

    Raises:
        UsageError: there is none.

    >>> find_recipe("paper").rate
    0.001
    """
    if name not in RECIPES:
        raise UsageError(
            f"unknown recipe {name!r}{did_you_mean(name, RECIPES)} (recipes: {', '.join(RECIPES)})"
        )
    return RECIPES[name]
