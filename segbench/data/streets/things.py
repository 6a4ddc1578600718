"""Things along a street, painted from sizes in metres: houses, trees, cars, people, signs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segbench.data.scenes import Color
from segbench.data.streets.canvas import Canvas
from segbench.data.streets.colors import Rng, any_color, leaves, shade

SKY, BUILDING, ROAD, PAVEMENT, TREE, CAR, PERSON, SIGN = range(8)
GLASS: Color = (40, 50, 60)

Thing = tuple[float, Callable[[Canvas], None]]  # metres ahead, and how it is painted


def make_houses(rng: Rng, side: int, edge: float) -> list[Thing]:
    """Return a row of houses with gaps, along one side of the street."""
    things: list[Thing] = []
    near = rng.uniform(2.0, 8.0)
    while near < 90.0:
        long = rng.uniform(6.0, 22.0)
        if rng.random() < 0.85:
            things.append(_make_house(rng, side, edge, near, long))
        near += long + (rng.uniform(2.0, 10.0) if rng.random() < 0.3 else 0.0)
    return things


def _make_house(rng: Rng, side: int, edge: float, near: float, long: float) -> Thing:
    tall, deep = rng.uniform(3.5, 18.0), rng.uniform(6.0, 15.0)
    wall = any_color(rng)
    gable = shade(wall, rng.uniform(0.6, 1.2))
    pane = shade(GLASS, rng.uniform(0.6, 4.0))
    storey, bay = rng.uniform(2.6, 3.6), rng.uniform(2.0, 4.0)

    def paint(canvas: Canvas) -> None:
        far = near + long
        front = [(edge, 0, near), (edge, 0, far), (edge, tall, far), (edge, tall, near)]
        outer = edge + side * deep
        end = [(edge, 0, near), (outer, 0, near), (outer, tall, near), (edge, tall, near)]
        canvas.face(end, gable, BUILDING)
        canvas.face(front, wall, BUILDING)
        for up in np.arange(1.0, tall - 1.6, storey):
            for ahead in np.arange(near + 0.7, far - 1.2, bay):
                corners = [
                    (edge, up, ahead),
                    (edge, up, ahead + 1.1),
                    (edge, up + 1.4, ahead + 1.1),
                    (edge, up + 1.4, ahead),
                ]
                canvas.face(corners, pane, None)

    return near, paint


def make_tree(rng: Rng, right: float, ahead: float) -> Thing:
    """Return a tree: a trunk, and a crown of leaves in several shades."""
    trunk, size = rng.uniform(1.2, 3.0), rng.uniform(0.8, 2.4)
    bark: Color = (int(rng.integers(50, 110)), int(rng.integers(40, 90)), int(rng.integers(30, 70)))
    crown = [(rng.normal(0, 0.5, 2), rng.uniform(0.5, 0.9), leaves(rng)) for _ in range(7)]

    def paint(canvas: Canvas) -> None:
        canvas.upright(right - 0.12, 0, ahead, (0.24, trunk + size), bark, TREE)
        for (aside, above), part, color in crown:
            center = (right + size * aside, trunk + size * (1 + above), ahead)
            canvas.disc(center, (size * part, size * part), color, TREE, corners=9)

    return ahead, paint


def make_car(rng: Rng, right: float, ahead: float) -> Thing:
    """Return a car, seen from behind or from ahead, with the side that its place shows."""
    wide, tall, long = rng.uniform(1.6, 2.0), rng.uniform(1.35, 2.3), rng.uniform(3.4, 5.0)
    paint_color, lamp = any_color(rng), (210, 60, 50) if rng.random() < 0.5 else (235, 235, 210)
    flank = shade(paint_color, rng.uniform(0.6, 0.95))
    waist = tall * rng.uniform(0.5, 0.6)
    start = right - wide / 2

    def paint(canvas: Canvas) -> None:
        shadow = [
            (start - 0.1, 0, ahead),
            (start + wide + 0.1, 0, ahead),
            (start + wide, 0, ahead + long),
            (start, 0, ahead + long),
        ]
        canvas.face(shadow, (25, 25, 28), None)
        canvas.upright(start + 0.15, 0, ahead + long, (wide - 0.3, tall), flank, CAR)
        for edge in (start, start + wide):
            side = [
                (edge, 0.25, ahead),
                (edge, 0.25, ahead + long),
                (edge, waist, ahead + long),
                (edge, waist, ahead),
            ]
            canvas.face(side, flank, CAR)
            roof = [
                (edge, waist, ahead + 0.1),
                (edge, waist, ahead + long - 0.9),
                (edge, tall, ahead + long - 1.5),
                (edge, tall, ahead + 0.5),
            ]
            canvas.face(roof, GLASS, CAR)
        top = [
            (start + 0.1, tall, ahead + 0.5),
            (start + wide - 0.1, tall, ahead + 0.5),
            (start + wide - 0.1, tall, ahead + long - 1.5),
            (start + 0.1, tall, ahead + long - 1.5),
        ]
        canvas.face(top, paint_color, CAR)
        for wheel in (start + 0.1, start + wide - 0.35):
            canvas.upright(wheel, 0, ahead, (0.25, 0.5), (20, 20, 20), CAR)
        canvas.upright(start, 0.25, ahead, (wide, waist - 0.25), paint_color, CAR)
        window = [
            (start + 0.08, waist, ahead),
            (start + wide - 0.08, waist, ahead),
            (start + wide - 0.25, tall, ahead + 0.4),
            (start + 0.25, tall, ahead + 0.4),
        ]
        canvas.face(window, GLASS, CAR)
        for place in (start + 0.08, start + wide - 0.36):
            canvas.upright(place, waist - 0.25, ahead, (0.28, 0.16), lamp, None)
        canvas.upright(start + wide / 2 - 0.26, 0.4, ahead, (0.52, 0.12), (230, 230, 225), None)

    return ahead, paint


def make_person(rng: Rng, right: float, ahead: float) -> Thing:
    """Return a person in clothes of any colour, standing or in mid-stride."""
    tall = rng.uniform(1.45, 1.95)
    coat, trousers = any_color(rng), any_color(rng)
    skin: Color = (
        int(rng.integers(90, 235)),
        int(rng.integers(70, 190)),
        int(rng.integers(60, 160)),
    )
    stride = rng.uniform(0.02, 0.22)

    def paint(canvas: Canvas) -> None:
        hip, neck = tall * 0.5, tall * 0.84
        for foot in (-stride - 0.08, stride):
            leg = [
                (right - 0.14, hip, ahead),
                (right + 0.14, hip, ahead),
                (right + foot + 0.1, 0, ahead),
                (right + foot, 0, ahead),
            ]
            canvas.face(leg, trousers, PERSON)
        canvas.upright(right - 0.2, hip - 0.05, ahead, (0.4, neck - hip), coat, PERSON)
        for candidate in (-0.28, 0.2):
            canvas.upright(
                right + candidate, hip, ahead, (0.09, neck - hip - 0.08), shade(coat, 0.85), PERSON
            )
        canvas.disc((right, tall * 0.92, ahead), (0.11, 0.14), skin, PERSON, corners=10)

    return ahead, paint


def make_sign(rng: Rng, right: float, ahead: float) -> Thing:
    """Return a traffic sign on its pole: a triangle, a square, an octagon or a disc."""
    up, radius = rng.uniform(1.9, 2.7), rng.uniform(0.35, 0.65)
    color = ((200, 30, 35), (30, 70, 170), (240, 200, 40), (235, 235, 235))[int(rng.integers(4))]
    corners = int(rng.choice([3, 4, 8, 16]))

    def paint(canvas: Canvas) -> None:
        canvas.upright(right - 0.05, 0, ahead, (0.1, up), (120, 122, 125), SIGN)
        canvas.disc((right, up, ahead), (radius, radius), color, SIGN, corners=corners)
        inner = (radius * 0.6, radius * 0.6)
        canvas.disc((right, up, ahead), inner, (240, 240, 240), None, corners=corners)

    return ahead, paint
