"""Recipes: everything about training but the network, the data and the seed.

A recipe is a name, or a name with ingredients: ``paper+flip+cosine``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segbench.errors import UsageError
from zoo.errors import did_you_mean

WARM_UP = 0.02  # of the steps of a cosine schedule


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained, with Adam (Kingma and Ba, ICLR 2015).

    Attributes:
        rate: the learning rate; with `cosine`, the highest.
        betas: decay of the means of gradients and of their squares.
        epsilon: what is added to the root of the latter.
        batch: images in a batch, unless another number is asked for.
        epochs: at most, likewise.
        patience: epochs without a better validation mIoU after which training ends; None for as
            many as there are.
        cosine: let the rate rise for a fiftieth of the steps, and then fall to 0 as half a wave of
            a cosine (Loshchilov and Hutter, SGDR, ICLR 2017, without restarts).
        decay: of the weights, apart from the gradient (Loshchilov and Hutter, AdamW, ICLR 2019).
        flip: mirror half of the images.
        zoom: enlarge images by a factor from this range, at random, and cut out what fits.
        light: how far brightness, contrast and saturation are changed, in shares.
        balance: weight classes by the power of their rarity, the median frequency over theirs
            (Eigen and Fergus, ICCV 2015, at 1); at 0 not at all.
        average: share of the past in the running mean of the weights, which is what is validated
            and kept (Polyak and Juditsky, 1992); at 0 the weights themselves are.
        init: how the zoo's networks that have this option draw their weights, unless it is given
            with the network; None for as they do by themselves.
    """

    name: str
    summary: str
    rate: float
    betas: tuple[float, float]
    epsilon: float
    batch: int
    epochs: int
    patience: int | None
    cosine: bool = False
    decay: float = 0.0
    flip: bool = False
    zoom: tuple[float, float] | None = None
    light: float = 0.0
    balance: float = 0.0
    average: float = 0.0
    init: str | None = None

    def rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of one step of so many.

        Args:
            step: counted from 0.

        >>> recipe = find_recipe("paper+cosine")
        >>> [round(recipe.rate_at(step, 100), 6) for step in (0, 1, 2, 51, 100)]
        [0.0005, 0.001, 0.001, 0.0005, 0.0]
        """
        if not self.cosine:
            return self.rate
        rising = max(1, round(WARM_UP * steps))
        if step < rising:
            return self.rate * (step + 1) / rising
        return self.rate * (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2

    def to_json(self) -> dict[str, Any]:
        """Return what it does as a JSON object, so without its summary."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
            if name != "summary"
        }

    def changes_since(self, kept: Mapping[str, Any]) -> tuple[str, ...]:
        """Say what a version of segbench that kept a recipe of this name meant otherwise by it.

        What it did not know yet it left out, which is the default of what came later.

        >>> recipe = find_recipe("paper")
        >>> recipe.changes_since(recipe.to_json() | {"rate": 0.003})
        ('rate was 0.003 and is 0.001',)
        """
        before = {field.name: field.default for field in dataclasses.fields(self)} | dict(kept)
        return tuple(
            f"{name} was {before[name]} and is {value}"
            for name, value in self.to_json().items()
            if before[name] != value
        )


PAPER = Recipe(
    name="paper",
    # Section 4.1 names all but the batch and the patience.
    summary="the SegFast paper's: Adam at 1e-3, no augmentation, early stopping",
    rate=1e-3,
    betas=(0.9, 0.999),
    epsilon=1e-8,
    batch=8,
    epochs=200,
    patience=30,
)
# What can be added to a recipe; `studies.ingredients` measures each by itself.
INGREDIENTS: Mapping[str, Mapping[str, Any]] = {
    "cosine": {"cosine": True, "patience": None},
    "fast": {"rate": 3e-3},
    "decay": {"decay": 1e-2},
    "flip": {"flip": True},
    "zoom": {"zoom": (0.5, 2.0)},
    "light": {"light": 0.3},
    "balance": {"balance": 0.5},
    "average": {"average": 0.99},
    "he": {"init": "he"},
}
MODERN = dataclasses.replace(
    PAPER,
    name="modern",
    # What helps on CamVid, see docs/training.md; `studies.ingredients` measures it.
    summary="enlarged and shrunk images, and a rate that falls from 3e-3 to nothing",
    epochs=100,
    **INGREDIENTS["zoom"],
    **INGREDIENTS["fast"],
    **INGREDIENTS["cosine"],
)
RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in (PAPER, MODERN)}


def find_recipe(name: str) -> Recipe:
    """Return the recipe of this name, with the ingredients that follow it.

    Raises:
        UsageError: there is none, or an ingredient is not known or named twice.

    >>> find_recipe("paper").rate, find_recipe("paper+flip").flip
    (0.001, True)
    """
    base, *added = name.split("+")
    if base not in RECIPES:
        raise UsageError(
            f"unknown recipe {base!r}{did_you_mean(base, RECIPES)} (recipes: {', '.join(RECIPES)})"
        )
    recipe = RECIPES[base]
    for position, ingredient in enumerate(added):
        if ingredient not in INGREDIENTS:
            raise UsageError(
                f"unknown ingredient {ingredient!r} of recipe {name!r}"
                f"{did_you_mean(ingredient, INGREDIENTS)} (ingredients: {', '.join(INGREDIENTS)})"
            )
        if ingredient in added[:position]:
            raise UsageError(f"recipe {name!r} names {ingredient!r} twice; name it once")
        recipe = dataclasses.replace(recipe, name=name, **INGREDIENTS[ingredient])
    return recipe
