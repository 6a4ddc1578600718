"""Codes of label files: pixel values, or colours, become class ids.

A value that no table knows is an error that names it, and is never dropped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from segbench.data.dataset_files import load_content
from segbench.data.errors import DataError
from segbench.data.pictures import (
    MOST_PICTURE_BYTES,
    decode_picture,
    load_picture,
    orientation_in,
    upright,
)
from segbench.data.scenes import VOID

if TYPE_CHECKING:
    from segbench.data.scenes import Color, Pixels

INDEX_MODES = ("L", "P", "1", "I", "I;16")
TRANSPARENT_MODES = {"LA": "L", "PA": "RGB", "RGBA": "RGB"}  # and what they are without
MOST_CLASSES = 254  # which a byte tells apart, with void and what is unknown
MOST_OF_NAME = 200  # characters that a class's name may have
OPAQUE = 255  # of an alpha channel
_UNKNOWN = 254
_INDICES = 1 << 16
_COLORS = 1 << 24
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class ClassNames:
    """The names of a dataset's classes, each looked at before it is used.

    Args:
        source: what they are read from.

    >>> names = ClassNames("classes.csv")
    >>> names.add("road", where="line 2")
    >>> names.add("road", where="line 5")
    Traceback (most recent call last):
    segbench.data.errors.DataError: classes.csv: line 5 names the class 'road' again, which line 2 \
names; give each class a name of its own
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._places: dict[str, str] = {}

    def add(self, name: str, *, where: str) -> None:
        """Take a name.

        Raises:
            DataError: it is empty, would give orders to a terminal, is too long, or is another
                class's.
        """
        place = f"{self._source}: {where}"
        if not name:
            raise DataError(f"{place} names no class; give it a name")
        if len(name) > MOST_OF_NAME:
            raise DataError(
                f"{place} names a class with {len(name):,} characters; {MOST_OF_NAME} are the most"
            )
        if _CONTROL.search(name):
            raise DataError(
                f"{place} names the class {name!r}, which has control characters; leave them out"
            )
        if name in self._places:
            raise DataError(
                f"{place} names the class {name!r} again, which {self._places[name]} names; "
                "give each class a name of its own"
            )
        self._places[name] = where


def color_of(cells: Sequence[str]) -> Color | None:
    """Return the colour that three texts stand for; None if they stand for none.

    >>> color_of(["128", "64", "0"]), color_of(["256", "0", "0"]), color_of(["9" * 5000] * 3)
    ((128, 64, 0), None, None)
    """
    try:
        red, green, blue = map(int, cells)
    except ValueError:
        return None
    return (red, green, blue) if all(0 <= part <= 255 for part in (red, green, blue)) else None  # noqa: PLR2004 - eight bits


class IndexCodes:
    """Labels whose pixel values are numbers, also where a palette shows them in colours.

    Args:
        ids: the class id for each value, VOID for those that are no class.
        read: how the numbers are read from a file, where Pillow cannot.
        colors: the colour that each value is shown in, where the dataset has them. A palette that
            shows its numbers in those of others has been sorted anew, and is refused.
    """

    def __init__(
        self,
        ids: Mapping[int, int],
        *,
        read: Callable[[Path], np.ndarray] | None = None,
        colors: Mapping[int, Color] | None = None,
    ) -> None:
        self._ids = dict(ids)
        self._read = read
        self._colors = {
            value: color for value, color in (colors or {}).items() if self._ids[value] != VOID
        }
        self._table: Pixels = np.full(_INDICES, _UNKNOWN, np.uint8)
        for value, number in self._ids.items():
            self._table[value] = number
        self.fingerprint = _hash_of(self._ids)

    def read(self, path: Path) -> Pixels:
        """Return the class ids of a label file, (height, width).

        Raises:
            DataError: it cannot be read, is no picture of numbers, or has an unknown one.
        """
        if self._read is not None:
            return self._looked_up(self._read(path), path)
        return self.ids_of(load_label(path), path)

    def ids_of(self, picture: Image.Image, path: Path) -> Pixels:
        """Return the class ids of a label that was loaded, see :meth:`read`."""
        values = values_of(picture, path)
        if self._colors and picture.mode == "P":
            self._check_palette(picture, path)
        return self._looked_up(values, path)

    def _looked_up(self, values: np.ndarray, path: Path) -> Pixels:
        found: Pixels = self._table[values]
        unknown = found == _UNKNOWN
        if unknown.any():
            row, column = np.argwhere(unknown)[0]
            raise DataError(
                f"label {str(path)!r} has the value {int(values[row, column])} at row {row}, "
                f"column {column}, which stands for no class (known: {_ranges(self._ids)})"
            )
        return found

    def _check_palette(self, picture: Image.Image, path: Path) -> None:
        """Refuse a palette that has the colours of the classes, and not those of its numbers."""
        used = [value for value in used_values(picture, path) if value in self._colors]
        shown = colors_shown(picture, used)
        wrong = [value for value in used if shown[value] != self._colors[value]]
        if (
            wrong
            and not is_grey(picture, shown)
            and set(shown.values()) <= set(self._colors.values())
        ):
            raise DataError(
                f"label {str(path)!r} has a palette in another order: it shows the number "
                f"{wrong[0]} in the colour {shown[wrong[0]]}, and the class of this number has "
                f"{self._colors[wrong[0]]}; take the label as it was published"
            )


class ColorCodes:
    """Labels whose pixels have the colour of their class.

    Args:
        ids: the class id for each colour, VOID for those that are no class.
    """

    def __init__(self, ids: Mapping[Color, int]) -> None:
        self._table: Pixels = np.full(_COLORS, _UNKNOWN, np.uint8)
        for (red, green, blue), number in ids.items():
            self._table[red << 16 | green << 8 | blue] = number
        self.fingerprint = _hash_of(ids)

    def read(self, path: Path) -> Pixels:
        """Return the class ids of a label file, (height, width).

        Raises:
            DataError: it cannot be read, or has an unknown colour.
        """
        return self.ids_of(load_label(path), path)

    def ids_of(self, picture: Image.Image, path: Path) -> Pixels:
        """Return the class ids of a label that was loaded, see :meth:`read`."""
        colors = np.asarray(picture.convert("RGB")).astype(np.uint32)
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


def _hash_of(table: Mapping[int, int] | Mapping[Color, int]) -> str:
    """Return what differs where labels are read by another table."""
    return hashlib.sha256(repr(sorted(table.items())).encode()).hexdigest()[:16]


def load_label(path: Path) -> Image.Image:
    """Read the picture of a label to the bit, without an alpha channel that says nothing.

    Raises:
        DataError: it cannot be read, does not hold what was saved, or is transparent somewhere.
    """
    picture = load_picture(path, what="label", exact=True)
    if picture.mode not in TRANSPARENT_MODES:
        return picture
    clear = np.asarray(picture.getchannel("A")) != OPAQUE
    if clear.any():
        row, column = np.argwhere(clear)[0]
        raise DataError(
            f"label {str(path)!r} is transparent at row {row}, column {column}, which stands for "
            "no class; save it without transparency"
        )
    return picture.convert(TRANSPARENT_MODES[picture.mode])


def values_of(picture: Image.Image, path: Path) -> np.ndarray:
    """Return the numbers that a label has as its pixels, (height, width).

    Raises:
        DataError: it has colours, or numbers that are none of a label.
    """
    if picture.mode not in INDEX_MODES:
        raise DataError(
            f"label {str(path)!r} has colours ({picture.mode}) where class numbers are expected"
        )
    values = np.asarray(picture)
    if values.dtype.kind == "i" and (values.min() < 0 or values.max() >= _INDICES):
        raise DataError(f"label {str(path)!r} has values outside 0-{_INDICES - 1}")
    return values if values.dtype != bool else values.astype(np.uint8)


def used_values(picture: Image.Image, path: Path) -> list[int]:
    """Return the numbers that are pixels of a label, in their order.

    Raises:
        DataError: it has colours, or numbers that are none of a label.
    """
    counts: np.ndarray = np.bincount(values_of(picture, path).ravel())
    return [int(value) for value in np.flatnonzero(counts)]


def palette_of(picture: Image.Image) -> dict[int, Color]:
    """Return the colour that a palette gives to each number.

    >>> picture = Image.new("P", (1, 1))
    >>> picture.putpalette([0, 0, 0, 9, 8, 7])
    >>> palette_of(picture)[1]
    (9, 8, 7)
    """
    parts = picture.getpalette("RGB") or []
    return {
        place // 3: (parts[place], parts[place + 1], parts[place + 2])
        for place in range(0, len(parts) - 2, 3)
    }


def colors_shown(picture: Image.Image, values: Iterable[int]) -> dict[int, Color | None]:
    """Return the colour that a label shows each number in; None where there is none.

    >>> colors_shown(Image.new("1", (1, 1)), [0, 1])
    {0: (0, 0, 0), 1: (255, 255, 255)}
    """
    if picture.mode == "P":
        palette = palette_of(picture)
        return {value: palette.get(value) for value in values}
    step = OPAQUE if picture.mode == "1" else 1
    greys = ((value, value * step) for value in values)
    return {value: (grey, grey, grey) if grey <= OPAQUE else None for value, grey in greys}


def is_grey(picture: Image.Image, shown: Mapping[int, Color | None]) -> bool:
    """Tell whether a label shows its numbers as shades of grey: it has no palette, or one of those.

    >>> is_grey(Image.new("P", (1, 1)), {0: (0, 0, 0), 7: (7, 7, 7)})
    True
    >>> is_grey(Image.new("P", (1, 1)), {0: (0, 0, 0), 1: (255, 255, 255)})
    False
    """
    return picture.mode != "P" or all(
        color is None or color == (value,) * 3 for value, color in shown.items()
    )


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
    content = load_content(path, what="label", most=MOST_PICTURE_BYTES)
    # Pillow says what is wrong with a damaged one; OpenCV's libraries write it where they like.
    decode_picture(content, source=f"label {str(path)!r}")
    try:
        values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        values = None
    if values is None or values.dtype.kind != "u":
        raise DataError(f"cannot read label {str(path)!r}: no picture of numbers that OpenCV reads")
    # OpenCV has blue first, so the file's first channel is its third.
    first = values if values.ndim == 2 else values[..., 2]  # noqa: PLR2004
    # Pillow has turned nothing that OpenCV has read, and OpenCV does not where nothing is changed.
    turned = upright(Image.fromarray(np.ascontiguousarray(first)), orientation_in(content))
    return np.asarray(turned)


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
