"""Training recipes: everything about training except the network, the data and the seed.

A recipe is a name, or a name with ingredients: ``paper+flip+cosine``, ``modern+lr=1e-3``.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segbench.errors import UsageError
from zoo.errors import did_you_mean

WARM_UP = 0.02  # of the steps of a cosine schedule
RATE = "lr"  # the ingredient that has a value: the learning rate
DISTILL = "distill"  # the one that needs teachers
MOST_RATE = 1.0  # by which Adam moves a weight in a step; what is more was mistyped
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,30})?(?:e-?[0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Training settings, with Adam (Kingma and Ba, ICLR 2015).

    Attributes:
        tuned_on: the network that it was made for; others may do better by another.
        rate: learning rate; the highest, with `cosine`.
        betas: decay of the means of gradients and of their squares.
        epsilon: added to the root of the latter.
        batch: images in a batch, unless the job names another number.
        epochs: maximum, likewise.
        patience: epochs without a better validation mIoU after which training ends; None for no
            early stopping.
        cosine: warm-up for a fiftieth of the steps, then cosine decay to 0 (Loshchilov and Hutter,
            SGDR, ICLR 2017, without restarts).
        decay: decoupled weight decay (Loshchilov and Hutter, AdamW, ICLR 2019).
        flip: mirror half of the images.
        zoom: range of a random factor by which images are enlarged, then cropped.
        light: largest relative change of brightness, contrast and saturation.
        balance: exponent of class weights, the median frequency over a class's own (Eigen and
            Fergus, ICCV 2015, at 1); 0 for equal weights.
        average: decay of a running mean of the weights, which is validated and saved instead of
            them (Polyak and Juditsky, 1992); 0 for none.
        auxiliary: weight of the loss of each auxiliary head, where the network has any; 0.4 is best
            for PSPNet (Zhao et al., CVPR 2017, section 5.2).
        distill: weight of the divergence from the teachers' softened classes, beside the loss of
            the labels; 0 for no teachers. See :mod:`segbench.training.teachers`.
        temperature: by which the logits of both are divided for that.
        init: value of the option `init` for networks of the zoo that have it and leave it open;
            None for the network's own default.
    """

    name: str
    summary: str
    tuned_on: str
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
    auxiliary: float = 0.4
    distill: float = 0.0
    temperature: float = 2.0
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
        """Return the settings as a JSON object, without what is said of them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
            if name not in {"summary", "tuned_on"}
        }

    def changes_since(self, kept: Mapping[str, Any]) -> tuple[str, ...]:
        """Return one line for each setting that differs from a stored recipe of this name.

        A setting that the stored recipe lacks came later; its default is what was meant.

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
    tuned_on="segfast",
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
    DISTILL: {"distill": 1.0},
}
MODERN = dataclasses.replace(
    PAPER,
    name="modern",
    # What helps on CamVid, see docs/train.md; `studies.ingredients` measures it.
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
    >>> find_recipe("modern+lr=5e-4").rate
    0.0005
    """
    base, *added = name.split("+")
    if base not in RECIPES:
        raise UsageError(
            f"unknown recipe {base!r}{did_you_mean(base, RECIPES)} (recipes: {', '.join(RECIPES)})"
        )
    recipe = RECIPES[base]
    named: set[str] = set()
    for ingredient in added:
        settings = _settings(ingredient, name)
        kind = ingredient.partition("=")[0]
        if kind in named:
            raise UsageError(f"recipe {name!r} names {kind!r} twice; name it once")
        named.add(kind)
        recipe = dataclasses.replace(recipe, name=name, **settings)
    return recipe


def distilling(name: str) -> str:
    """Return the name of a recipe that learns from teachers too.

    >>> distilling("modern"), distilling("paper+distill")
    ('modern+distill', 'paper+distill')
    """
    return name if DISTILL in name.split("+")[1:] else f"{name}+{DISTILL}"


def _settings(ingredient: str, name: str) -> Mapping[str, Any]:
    """Return what an ingredient of the recipe `name` sets."""
    kind, equals, value = ingredient.partition("=")
    if kind == RATE:
        return {"rate": _rate(value, name)}
    if equals or ingredient not in INGREDIENTS:
        known = (*INGREDIENTS, f"{RATE}=NUMBER")
        raise UsageError(
            f"unknown ingredient {ingredient!r} of recipe {name!r}"
            f"{did_you_mean(ingredient, known)} (ingredients: {', '.join(known)})"
        )
    return INGREDIENTS[ingredient]


def _rate(text: str, name: str) -> float:
    rate = float(text) if _NUMBER.fullmatch(text) else 0.0
    if not 0 < rate <= MOST_RATE:
        raise UsageError(
            f"the learning rate of recipe {name!r} is no number above 0 and up to {MOST_RATE:g}; "
            f"write for example {RATE}=1e-3"
        )
    return rate
