"""Labels as pictures: in the colours of their classes, over their image, with a legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from segbench.data.scenes import VOID, Color, LabelClass

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels

OPACITY = 0.55  # of a label over its image
VOID_COLOR: Color = (0, 0, 0)
PAPER: Color = (250, 250, 248)
INK: Color = (30, 30, 30)
GAP = 6
LINE = 18  # height of a line of text
SWATCH = 14


def color_table(classes: Sequence[LabelClass]) -> Pixels:
    """Return the colour of each class id, (256, 3)."""
    table = np.zeros((VOID + 1, 3), np.uint8)
    table[: len(classes)] = [each.color for each in classes]
    table[VOID] = VOID_COLOR
    return table


def overlay(image: Pixels, label: Pixels, classes: Sequence[LabelClass]) -> Pixels:
    """Return an image with its label's colours over it, (height, width, 3)."""
    colors = color_table(classes).astype(np.float32)
    mixed: Pixels = ((1 - OPACITY) * image + OPACITY * colors[label]).astype(np.uint8)
    return mixed


def mask(label: Pixels, classes: Sequence[LabelClass]) -> Image.Image:
    """Return a label as a picture whose pixels are class ids, shown in colours by its palette."""
    height, width = label.shape
    picture = Image.frombytes("P", (width, height), np.ascontiguousarray(label).tobytes())
    picture.putpalette(color_table(classes).tobytes())
    return picture


def legend(classes: Sequence[LabelClass], width: int) -> Image.Image:
    """Draw a swatch and a name for each class, in lines as long as the width allows."""
    writing = font()
    entries = [(each.name, each.color) for each in classes] + [("void", VOID_COLOR)]
    places, left, row = [], GAP, 0
    for name, color in entries:
        wide = SWATCH + 5 + round(writing.getlength(name)) + 16
        if left + wide > width and left > GAP:
            left, row = GAP, row + 1
        places.append((left, row, name, color))
        left += wide
    drawn = Image.new("RGB", (width, (row + 1) * LINE + GAP), PAPER)
    pen = ImageDraw.Draw(drawn)
    for left, row, name, color in places:
        top = row * LINE + 2
        pen.rectangle((left, top, left + SWATCH, top + SWATCH), fill=color, outline=INK)
        pen.text((left + SWATCH + 5, top), name, fill=INK, font=writing)
    return drawn


def caption(text: str, width: int) -> Image.Image:
    """Draw a line that stands over a picture of this width."""
    drawn = Image.new("RGB", (width, LINE), PAPER)
    ImageDraw.Draw(drawn).text((GAP, 2), text, fill=INK, font=font())
    return drawn


def font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Return the font that comes with Pillow."""
    return ImageFont.load_default(size=12)
