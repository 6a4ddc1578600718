"""Result of a check of a dataset: counts, sizes, class frequencies, and all that is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from segbench.quantities import Count

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
    scenes: Count
    sizes: dict[str, Count]
    pixels: dict[str, Count]
    void_pixels: Count


@dataclass(frozen=True)
class DataFindings:
    """A dataset, read as a whole.

    Attributes:
        layout: what was found, and where.
        problems: files that cannot be used, and what is wrong with each; and what makes a split
            useless.
        remarks: what is to be known of the labels, and stops nothing.
    """

    dataset: str
    layout: str
    splits: tuple[SplitFindings, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    complete: bool = True
    created: str = ""
    schema: str = DATA_SCHEMA
