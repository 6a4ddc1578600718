"""What a check of a dataset found: counts, sizes, class frequencies, and all that is wrong."""

from __future__ import annotations

from dataclasses import dataclass

DATA_SCHEMA = "segbench/data/1"


@dataclass(frozen=True)
class SplitFindings:
    """One split of a dataset.

    Attributes:
        scenes: images with a label.
        sizes: scenes by their size, ``HEIGHTxWIDTH``.
        pixels: by class.
        void_pixels: those without a class.
    """

    split: str
    scenes: int
    sizes: dict[str, int]
    pixels: dict[str, int]
    void_pixels: int


@dataclass(frozen=True)
class DataFindings:
    """A dataset, read as a whole.

    Attributes:
        layout: what was found, and where.
        problems: files that cannot be used, and what is wrong with each.
    """

    dataset: str
    layout: str
    splits: tuple[SplitFindings, ...]
    problems: tuple[str, ...]
    complete: bool = True
    created: str = ""
    schema: str = DATA_SCHEMA
