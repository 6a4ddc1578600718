"""How label files are read: pixel values, or colours, become class ids.

A value that no table knows is an error that names it, and is never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segbench.data.errors import DataError
from segbench.data.files import load_picture

if TYPE_CHECKING:
    from segbench.data.scenes import Color, Pixels

INDEX_MODES = ("L", "P", "1", "I", "I;16")
_UNKNOWN = 254  # no dataset has so many classes
_INDICES = 1 << 16
_COLORS = 1 << 24


class IndexCodes:
    """Labels whose pixel values are numbers, also where a palette shows them in colours.

    Args:
        ids: the class id for each value, VOID for those that are no class.
        read: how the numbers are read from a file, where Pillow cannot.
    """

    def __init__(
        self, ids: Mapping[int, int], *, read: Callable[[Path], np.ndarray] | None = None
    ) -> None:
        self._ids = dict(ids)
        self._read = read or _read_indices
        self._table: Pixels = np.full(_INDICES, _UNKNOWN, np.uint8)
        for value, number in self._ids.items():
            self._table[value] = number

    def read(self, path: Path) -> Pixels:
        """Return the class ids of a label file, (height, width).

        Raises:
            DataError: it cannot be read, is no picture of numbers, or has an unknown one.
        """
        values = self._read(path)
        found: Pixels = self._table[values]
        unknown = found == _UNKNOWN
        if unknown.any():
            row, column = np.argwhere(unknown)[0]
            raise DataError(
                f"label {str(path)!r} has the value {int(values[row, column])} at row {row}, "
                f"column {column}, which stands for no class (known: {_ranges(self._ids)})"
            )
        return found


class ColorCodes:
    """Labels whose pixels have the colour of their class.

    Args:
        ids: the class id for each colour, VOID for those that are no class.
    """

    def __init__(self, ids: Mapping[Color, int]) -> None:
        self._table: Pixels = np.full(_COLORS, _UNKNOWN, np.uint8)
        for (red, green, blue), number in ids.items():
            self._table[red << 16 | green << 8 | blue] = number

    def read(self, path: Path) -> Pixels:
        """Return the class ids of a label file, (height, width).

        Raises:
            DataError: it cannot be read, or has an unknown colour.
        """
        colors = np.asarray(load_picture(path, what="label").convert("RGB")).astype(np.uint32)
        found: Pixels = self._table[colors[..., 0] << 16 | colors[..., 1] << 8 | colors[..., 2]]
        unknown = found == _UNKNOWN
        if unknown.any():
            row, column = np.argwhere(unknown)[0]
            color = tuple(int(part) for part in colors[row, column])
            raise DataError(
                f"label {str(path)!r} has the colour {color} at row {row}, column {column}, "
                "which stands for no class of its table of colours"
            )
        return found


def _read_indices(path: Path) -> np.ndarray:
    picture = load_picture(path, what="label")
    if picture.mode not in INDEX_MODES:
        raise DataError(
            f"label {str(path)!r} has colours ({picture.mode}) where class numbers are expected"
        )
    values = np.asarray(picture)
    if values.dtype.kind == "i" and (values.min() < 0 or values.max() >= _INDICES):
        raise DataError(f"label {str(path)!r} has values outside 0-{_INDICES - 1}")
    return values if values.dtype != bool else values.astype(np.uint8)


def read_first_of_16_bits(path: Path) -> np.ndarray:
    """Return the first channel of a picture with 16 bits a channel, which Pillow would cut to 8.

    Raises:
        DataError: it cannot be read, or OpenCV is not installed.
    """
    try:
        import cv2  # noqa: PLC0415 - an extra that only this format needs
    except ImportError as error:
        raise DataError(
            "labels with 16 bits a channel need OpenCV, which is not installed; "
            "pip install 'segbench[synthia]'"
        ) from error
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if values is None:
        raise DataError(f"cannot read label {str(path)!r}: no picture that OpenCV reads")
    # OpenCV has blue first, so the file's first channel is its third.
    return values if values.ndim == 2 else values[..., 2]  # noqa: PLR2004


def _ranges(values: Mapping[int, int]) -> str:
    """Write numbers as ranges.

    >>> _ranges({0: 0, 1: 1, 2: 5, 255: 255})
    '0-2, 255'
    """
    ordered = sorted(values)
    parts: list[list[int]] = []
    for value in ordered:
        if parts and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts)
