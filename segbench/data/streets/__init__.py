"""``streets``: driving scenes that are drawn, so that every command runs with nothing downloaded.

Each scene is drawn from its seed, in memory: a street in perspective with buildings, trees, cars,
people and signs at their depths, under changing light and haze. Classes share colours: houses, cars
and clothes have any, and asphalt may look like a pavement or an overcast sky, so that a pixel's
colour says little and a network has to look at shapes and places.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segbench.data.scenes import Color, Dataset, LabelClass
from segbench.data.streets.canvas import Canvas, View
from segbench.data.streets.colors import Rng, any_color, grey, leaves, shade
from segbench.data.streets.things import (
    BUILDING,
    PAVEMENT,
    ROAD,
    SKY,
    TREE,
    Thing,
    make_car,
    make_houses,
    make_person,
    make_sign,
    make_tree,
)

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels

DRAWING = 1  # another number for other pixels
HEIGHT, WIDTH = 360, 480
SPLITS = {"train": 400, "val": 100, "test": 100}
CLASSES = (
    LabelClass("sky", (70, 130, 180)),
    LabelClass("building", (70, 70, 70)),
    LabelClass("road", (128, 64, 128)),
    LabelClass("pavement", (244, 35, 232)),
    LabelClass("tree", (107, 142, 35)),
    LabelClass("car", (0, 0, 142)),
    LabelClass("person", (220, 20, 60)),
    LabelClass("sign", (220, 220, 0)),
)
FAR_M = 120.0
GREY_LEVELS = (70, 170)  # of asphalt and of paving alike


@dataclass(frozen=True)
class DrawnScene:
    """One scene, drawn when it is asked for."""

    split: str
    number: int

    @property
    def name(self) -> str:
        """The split and the number in it."""
        return f"{self.split}-{self.number:04}"

    @property
    def fingerprint(self) -> str:
        """The version of the drawing and what is drawn."""
        return f"streets/{DRAWING} {self.name}"

    def image(self) -> Pixels:
        """Return the image, (360, 480, 3)."""
        return draw(self.split, self.number)[0]

    def label(self) -> Pixels:
        """Return the class ids of its pixels, (360, 480)."""
        return draw(self.split, self.number)[1]


def open_streets(_root: Path | None = None) -> Dataset:
    """Return the dataset; it needs no data root.

    >>> dataset = open_streets()
    >>> {name: len(scenes) for name, scenes in dataset.splits.items()}
    {'train': 400, 'val': 100, 'test': 100}
    >>> dataset.splits["val"][0].label().shape
    (360, 480)
    """
    return Dataset(
        name="streets",
        layout="drawn in memory",
        classes=CLASSES,
        splits={
            split: tuple(DrawnScene(split, number) for number in range(count))
            for split, count in SPLITS.items()
        },
    )


# Image and label of a scene are asked for one after the other, by some threads at a time.
@functools.lru_cache(maxsize=16)
def draw(split: str, number: int) -> tuple[Pixels, Pixels]:
    """Draw a scene: its image, (360, 480, 3), and its label, (360, 480)."""
    rng = np.random.default_rng([tuple(SPLITS).index(split), number])
    canvas = Canvas(_view(rng), background=SKY)
    left, right = -rng.uniform(3.0, 7.0), rng.uniform(2.5, 5.0)
    walk = rng.uniform(2.0, 7.0)
    _ground(canvas, rng, left, right, walk)
    for _, paint in sorted(_things(rng, left, right, walk), key=lambda thing: -thing[0]):
        paint(canvas)
    return canvas.finish(rng, grain=rng.uniform(2.0, 9.0))


def _view(rng: Rng) -> View:
    gain = rng.uniform(0.45, 1.15)
    tint = rng.normal(1.0, 0.07, 3)
    light = tuple(float(gain * part) for part in tint)
    return View(
        height=HEIGHT,
        width=WIDTH,
        horizon=HEIGHT * rng.uniform(0.38, 0.54),
        vanishing=WIDTH * rng.uniform(0.3, 0.7),
        focal=WIDTH * rng.uniform(0.65, 1.0),
        light=(light[0], light[1], light[2]),
        haze=grey(rng, 130, 225, spread=14),
        haze_m=rng.uniform(60.0, 400.0),
    )


def _ground(canvas: Canvas, rng: Rng, left: float, right: float, walk: float) -> None:
    """Paint the sky, the far edge of town, pavements and the road with its markings."""
    view = canvas.view
    if rng.random() < 0.5:
        top, low = grey(rng, 120, 220, spread=10), view.haze
    else:
        top, low = (int(rng.integers(40, 120)), int(rng.integers(90, 160)), 215), view.haze
    canvas.gradient(top, low, view.horizon + 1)
    for _ in range(int(rng.integers(0, 6))):
        place = (rng.uniform(-150, 150), rng.uniform(20, 90), 160.0)
        radii = (rng.uniform(10, 50), rng.uniform(3, 10))
        canvas.disc(place, radii, grey(rng, 190, 250, spread=5), None)
    _skyline(canvas, rng)
    paving = grey(rng, *GREY_LEVELS, spread=18)
    asphalt = grey(rng, *GREY_LEVELS, spread=10)
    _strip(canvas, left - 60, right + 60, paving, PAVEMENT)
    _strip(canvas, left, right, asphalt, ROAD)
    kerb = shade(paving, rng.uniform(0.7, 1.3))
    _strip(canvas, left - 0.15, left, kerb, PAVEMENT)
    _strip(canvas, right, right + 0.15, kerb, PAVEMENT)
    joint = shade(paving, rng.uniform(0.8, 0.95))
    for ahead in np.arange(3.0, 30.0, rng.uniform(1.0, 3.0)):
        for start, end in ((left - walk, left - 0.15), (right + 0.15, right + walk)):
            corners = [
                (start, 0, ahead),
                (end, 0, ahead),
                (end, 0, ahead * 1.01),
                (start, 0, ahead * 1.01),
            ]
            canvas.face(corners, joint, None)
    if rng.random() < 0.8:
        _markings(canvas, rng, (left + right) / 2)


def _skyline(canvas: Canvas, rng: Rng) -> None:
    """Paint trees and houses where the street ends."""
    right = -90.0
    while right < 90.0:
        wide = rng.uniform(4.0, 16.0)
        if rng.random() < 0.5:
            canvas.upright(right, 0, FAR_M, (wide, rng.uniform(6, 20)), any_color(rng), BUILDING)
        else:
            center = (right + wide / 2, 0.0, FAR_M)
            canvas.disc(center, (wide / 2, rng.uniform(5, 13)), leaves(rng), TREE)
        right += wide * rng.uniform(0.6, 1.2)


def _strip(canvas: Canvas, start: float, end: float, color: Color, number: int) -> None:
    """Paint a strip of the ground, near to far."""
    edges = np.geomspace(0.6, FAR_M * 20, 14)
    for near, far in itertools.pairwise(edges):
        corners = [(start, 0, near), (end, 0, near), (end, 0, far), (start, 0, far)]
        canvas.face(corners, color, number)


def _markings(canvas: Canvas, rng: Rng, middle: float) -> None:
    color = grey(rng, 190, 240, spread=6)
    step, length = rng.uniform(4.0, 8.0), rng.uniform(1.5, 3.5)
    for near in np.arange(rng.uniform(1.5, 5.0), 70.0, step):
        far = near + length
        corners = [
            (middle - 0.08, 0, near),
            (middle + 0.08, 0, near),
            (middle + 0.08, 0, far),
            (middle - 0.08, 0, far),
        ]
        canvas.face(corners, color, None)


def _things(rng: Rng, left: float, right: float, walk: float) -> list[Thing]:
    """Choose what stands along the street, each with its distance."""
    things: list[Thing] = []
    for side, edge in ((-1, left - walk), (1, right + walk)):
        things += make_houses(rng, side, edge)
        for _ in range(int(rng.integers(0, 5))):
            place = (edge - side * rng.uniform(0.2, walk), rng.uniform(5.0, 60.0))
            things.append(make_tree(rng, *place))
        for _ in range(int(rng.integers(1, 7))):
            place = (edge - side * rng.uniform(0.3, walk - 0.2), rng.uniform(3.0, 25.0))
            things.append(make_person(rng, *place))
        for _ in range(int(rng.integers(0, 4))):
            things.append(make_sign(rng, edge - side * (walk - 0.4), rng.uniform(4.0, 22.0)))
        if rng.random() < 0.6:
            kerb = edge - side * walk
            for ahead in np.arange(rng.uniform(5.0, 12.0), 50.0, rng.uniform(6.0, 14.0)):
                things.append(make_car(rng, kerb - side * 1.1, float(ahead)))
    for _ in range(int(rng.integers(0, 4))):
        things.append(make_car(rng, rng.uniform(left + 1.2, right - 1.2), rng.uniform(6.0, 60.0)))
    for _ in range(int(rng.integers(0, 2))):
        things.append(make_person(rng, rng.uniform(left, right), rng.uniform(6.0, 30.0)))
    return things
