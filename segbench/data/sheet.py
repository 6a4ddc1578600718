"""A contact sheet: scenes with their labels laid over them, and a legend of the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from segbench.data.painting import GAP, INK, LINE, PAPER, font, legend, overlay
from segbench.data.scenes import LabelClass, Scene, read_scene

TILE_WIDTH = 300
COLUMNS = 2  # of scenes; each has its image and the same with its label


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
    key = legend(classes, width)
    sheet = Image.new("RGB", (width, LINE + 2 * GAP + sum(heights) + key.height + GAP), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP, GAP), title, fill=INK, font=font())
    top = LINE + 2 * GAP
    for position, (scene, tile) in enumerate(zip(scenes, tiles, strict=True)):
        row, column = divmod(position, COLUMNS)
        left = GAP + column * (2 * TILE_WIDTH + 2 * GAP)
        upper = top + sum(heights[:row])
        sheet.paste(tile, (left, upper))
        pen.text((left, upper + tile.height + 1), scene.name, fill=INK, font=font())
    sheet.paste(key, (0, top + sum(heights)))
    return sheet


def _tile(scene: Scene, classes: Sequence[LabelClass]) -> Image.Image:
    image, label = read_scene(scene)
    both = np.concatenate([image, overlay(image, label, classes)], axis=1)
    height = round(TILE_WIDTH * image.shape[0] / image.shape[1])
    return Image.fromarray(both).resize((2 * TILE_WIDTH, height), Image.Resampling.BOX)
