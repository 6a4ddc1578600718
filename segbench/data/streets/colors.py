"""The colours of a street, chosen so that classes share them."""

from __future__ import annotations

import numpy as np

from segbench.data.scenes import Color

Rng = np.random.Generator


def grey(rng: Rng, low: int, high: int, *, spread: int) -> Color:
    """Return a grey of a level in a range, each part off by a deviation."""
    level = rng.integers(low, high)
    red, green, blue = (int(np.clip(level + rng.normal(0, spread), 0, 255)) for _ in range(3))
    return red, green, blue


def any_color(rng: Rng) -> Color:
    """Return what walls, cars and clothes have: any colour, often a greyish one."""
    level = rng.uniform(40, 230)
    grey = rng.random() ** 0.5
    red, green, blue = (
        int(np.clip(grey * level + (1 - grey) * rng.uniform(0, 255), 0, 255)) for _ in range(3)
    )
    return red, green, blue


def leaves(rng: Rng) -> Color:
    """Return the colour of leaves, from spring to autumn."""
    if rng.random() < 0.2:
        return int(rng.integers(120, 200)), int(rng.integers(70, 130)), int(rng.integers(20, 60))
    return int(rng.integers(40, 110)), int(rng.integers(70, 140)), int(rng.integers(25, 80))


def shade(color: Color, factor: float) -> Color:
    """Return a colour as many times as bright."""
    red, green, blue = (int(min(255, part * factor)) for part in color)
    return red, green, blue
