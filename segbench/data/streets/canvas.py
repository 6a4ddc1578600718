"""A canvas in perspective that paints an image and its label at once, in light and haze."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from segbench.data.scenes import Color, Pixels

CAMERA_M = 1.4  # above the road
NEAREST_M = 0.5  # what is nearer is behind the lens
BLUR_PX = 0.6  # of the lens; labels have none
CELLS = 12  # of the slow unevenness of light, over the longer side

Place = tuple[float, float, float]  # metres to the right, upwards and ahead of the camera
Point = tuple[float, float]  # pixels to the right and downwards


@dataclass(frozen=True)
class View:
    """A camera over the road, and the weather.

    Attributes:
        horizon: row of the horizon; vanishing: column of the vanishing point, both in pixels.
        focal: pixels of one metre at a distance of one.
        light: by which each of the three colours is multiplied.
        haze: what far things fade into, half of it at `haze_m` metres.
    """

    height: int
    width: int
    horizon: float
    vanishing: float
    focal: float
    light: tuple[float, float, float]
    haze: Color
    haze_m: float

    def project(self, place: Place) -> Point:
        """Return where a place is seen."""
        right, up, ahead = place
        ahead = max(ahead, NEAREST_M)
        column = self.vanishing + self.focal * right / ahead
        return column, self.horizon + self.focal * (CAMERA_M - up) / ahead

    def lit(self, color: Color, ahead: float) -> Color:
        """Return how a colour looks in this light, so many metres away."""
        clear = 0.5 ** (ahead / self.haze_m)
        red, green, blue = (
            round(min(255.0, clear * part * gain + (1 - clear) * far))
            for part, gain, far in zip(color, self.light, self.haze, strict=True)
        )
        return red, green, blue


class Canvas:
    """An image and its label, painted from far to near."""

    def __init__(self, view: View, *, background: int) -> None:
        self.view = view
        self._image = Image.new("RGB", (view.width, view.height))
        self._label = Image.new("L", (view.width, view.height), background)
        self._paint = ImageDraw.Draw(self._image)
        self._mark = ImageDraw.Draw(self._label)

    def gradient(self, top: Color, bottom: Color, rows: float) -> None:
        """Paint the image, not the label, from the top to a row."""
        last = max(1, round(rows))
        for row in range(last):
            part = row / last
            mixed = tuple(round(a + (b - a) * part) for a, b in zip(top, bottom, strict=True))
            self._paint.line([(0, row), (self.view.width, row)], fill=mixed)

    def face(self, places: Sequence[Place], color: Color, number: int | None) -> None:
        """Paint a flat face of three corners or more; without a class, on what is there."""
        ahead = min(place[2] for place in places)
        self.polygon([self.view.project(place) for place in places], color, ahead, number)

    def upright(
        self, right: float, up: float, ahead: float, size: Point, color: Color, number: int | None
    ) -> None:
        """Paint a rectangle that faces the camera: its left foot, and its size in metres."""
        wide, tall = size
        corners = [
            (right, up, ahead),
            (right + wide, up, ahead),
            (right + wide, up + tall, ahead),
            (right, up + tall, ahead),
        ]
        self.face(corners, color, number)

    def disc(
        self, center: Place, radii: Point, color: Color, number: int | None, *, corners: int = 14
    ) -> None:
        """Paint an ellipse that faces the camera, by centre and radii in metres."""
        right, up, ahead = center
        turns = [2 * math.pi * corner / corners for corner in range(corners)]
        rim = [
            (right + radii[0] * math.cos(turn), up + radii[1] * math.sin(turn), ahead)
            for turn in turns
        ]
        self.face(rim, color, number)

    def polygon(
        self, points: Sequence[Point], color: Color, ahead: float, number: int | None
    ) -> None:
        """Paint a polygon given in pixels."""
        self._paint.polygon(list(points), fill=self.view.lit(color, ahead))
        if number is not None:
            self._mark.polygon(list(points), fill=number)

    def finish(self, rng: np.random.Generator, *, grain: float) -> tuple[Pixels, Pixels]:
        """Return image and label, with the lens's blur, uneven light and the sensor's grain.

        Args:
            grain: standard deviation of a pixel's noise, of 255 levels.
        """
        blurred = self._image.filter(ImageFilter.GaussianBlur(BLUR_PX))
        values = np.asarray(blurred, np.float32)
        height, width = values.shape[:2]
        coarse = rng.normal(1.0, 0.07, (CELLS * 3 // 4, CELLS)).astype(np.float32)
        uneven = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        values = values * np.asarray(uneven)[..., None]
        values += rng.normal(0.0, grain, values.shape).astype(np.float32)
        image = np.clip(values, 0, 255).astype(np.uint8)
        return image, np.asarray(self._label).copy()
