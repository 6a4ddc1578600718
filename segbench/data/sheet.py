"""A contact sheet: scenes with their labels laid over them, and a legend of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from segbench.data.scenes import VOID, Color, LabelClass, Scene, read_scene

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels

OPACITY = 0.55  # of the label over its image
VOID_COLOR: Color = (0, 0, 0)
TILE_WIDTH = 300
COLUMNS = 2  # of scenes; each has its image and the same with its label
GAP = 6
LINE = 18  # height of a line of text
SWATCH = 14
PAPER: Color = (250, 250, 248)
INK: Color = (30, 30, 30)


def spread(scenes: Sequence[Scene], count: int) -> list[Scene]:
    """Return so many scenes, evenly spread, in their order; all if there are no more.

    >>> spread("abcdefghi", 3)
    ['a', 'e', 'i']
    """
    places = np.linspace(0, len(scenes) - 1, min(count, len(scenes)))
    return [scenes[round(float(place))] for place in places]


def contact_sheet(
    scenes: Sequence[Scene], classes: Sequence[LabelClass], *, title: str
) -> Image.Image:
    """Draw scenes side by side with their labels over them.

    Raises:
        DataError: a scene cannot be read.
    """
    tiles = [_tile(scene, classes) for scene in scenes]
    heights = [
        max(tile.height for tile in tiles[start : start + COLUMNS]) + LINE
        for start in range(0, len(tiles), COLUMNS)
    ]
    width = COLUMNS * (2 * TILE_WIDTH + GAP) + (COLUMNS + 1) * GAP
    legend = _legend(classes, width)
    sheet = Image.new("RGB", (width, LINE + 2 * GAP + sum(heights) + legend.height + GAP), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP, GAP), title, fill=INK, font=_font())
    top = LINE + 2 * GAP
    for position, (scene, tile) in enumerate(zip(scenes, tiles, strict=True)):
        row, column = divmod(position, COLUMNS)
        left = GAP + column * (2 * TILE_WIDTH + 2 * GAP)
        upper = top + sum(heights[:row])
        sheet.paste(tile, (left, upper))
        pen.text((left, upper + tile.height + 1), scene.name, fill=INK, font=_font())
    sheet.paste(legend, (0, top + sum(heights)))
    return sheet


def overlay(image: Pixels, label: Pixels, classes: Sequence[LabelClass]) -> Pixels:
    """Return an image with its label's colours over it, (height, width, 3)."""
    colors = np.zeros((VOID + 1, 3), np.float32)
    colors[: len(classes)] = [each.color for each in classes]
    colors[VOID] = VOID_COLOR
    mixed: Pixels = ((1 - OPACITY) * image + OPACITY * colors[label]).astype(np.uint8)
    return mixed


def _tile(scene: Scene, classes: Sequence[LabelClass]) -> Image.Image:
    image, label = read_scene(scene)
    both = np.concatenate([image, overlay(image, label, classes)], axis=1)
    height = round(TILE_WIDTH * image.shape[0] / image.shape[1])
    return Image.fromarray(both).resize((2 * TILE_WIDTH, height), Image.Resampling.BOX)


def _legend(classes: Sequence[LabelClass], width: int) -> Image.Image:
    """Draw a swatch and a name for each class, in lines as long as the sheet is wide."""
    font = _font()
    entries = [(each.name, each.color) for each in classes] + [("void", VOID_COLOR)]
    places, left, row = [], GAP, 0
    for name, color in entries:
        wide = SWATCH + 5 + round(font.getlength(name)) + 16
        if left + wide > width:
            left, row = GAP, row + 1
        places.append((left, row, name, color))
        left += wide
    legend = Image.new("RGB", (width, (row + 1) * LINE + GAP), PAPER)
    pen = ImageDraw.Draw(legend)
    for left, row, name, color in places:
        top = row * LINE + 2
        pen.rectangle((left, top, left + SWATCH, top + SWATCH), fill=color, outline=INK)
        pen.text((left + SWATCH + 5, top), name, fill=INK, font=font)
    return legend


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size=12)
