"""Label files of a user's own folder: each is read by what it holds, numbers or colours.

A file with colours is read by them. One with a palette, or with shades of grey, may mean either:
the numbers that are stored, or the colours that they are shown in. Where the class file gives
colours, both readings are compared, and what fits neither, or both to different ends, is refused.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from segbench.data.codes import (
    INDEX_MODES,
    ColorCodes,
    IndexCodes,
    colors_shown,
    is_grey,
    load_label,
    palette_of,
    used_values,
)
from segbench.data.dataset_files import describe_file
from segbench.data.errors import DataError
from segbench.data.scenes import VOID, Color

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels

CLOSE = 4  # levels of a channel that a colour is off by where a program has put in another like it
WHITE: Color = (255, 255, 255)
Reading = Literal["numbers", "colours", "same", "either", "unclear", "neither"]
_FORMS = {
    "P": "with a palette (P)",
    "L": "in shades of grey (L)",
    "1": "in black and white (1)",
    "I": "in 32 bits of grey (I)",
    "I;16": "in 16 bits of grey (I;16)",
}


@dataclass(frozen=True)
class ClassRow:
    """A row of a class file.

    Attributes:
        color: None where the file gives none.
        value: the number of its pixels in a label.
        number: the class id, VOID for what is no class.
    """

    name: str
    color: Color | None
    value: int
    number: int


@dataclass
class ClassFileCodes:
    """How labels are read that a class file describes.

    Args:
        are_stated: whether the file has the numbers, and they are not just its rows.
        find_labels: returns all label files of the dataset; where one of them may mean either
            numbers or colours, the others tell.
    """

    rows: Sequence[ClassRow]
    are_stated: bool = False
    find_labels: Callable[[], Sequence[Path]] = tuple
    _forms: dict[Path, str] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._ids_of_values: Mapping[int, int] = {VOID: VOID} | {
            row.value: row.number for row in self.rows
        }
        self._ids_of_colors: Mapping[Color, int] = {
            row.color: row.number for row in self.rows if row.color is not None
        }
        shown = {row.value: row.color for row in self.rows if row.color is not None}
        self._numbers = IndexCodes(self._ids_of_values, colors=shown)
        self._colors = ColorCodes(self._ids_of_colors)

    @cached_property
    def fingerprint(self) -> str:
        """Differs where labels may be read otherwise."""
        digest = hashlib.sha256(repr((tuple(self.rows), self.are_stated)).encode())
        if self._may_clash:
            for path in self.find_labels():
                digest.update(describe_file(path).encode(errors="surrogateescape"))
        return digest.hexdigest()[:16]

    def notes(self) -> tuple[str, ...]:
        """Return a line where the labels that were read differ in form."""
        counts = Counter(self._forms.values())
        if len(counts) < 2:  # noqa: PLR2004 - forms that differ
            return ()
        # by name where as many: labels are read side by side, in any order
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        forms = ", ".join(f"{count:,} {form}" for form, count in ordered)
        return (f"the labels differ in form, and each is read by its own: {forms}",)

    def read(self, path: Path) -> Pixels:
        """Return the class ids of a label file, (height, width).

        Raises:
            DataError: it cannot be read, has an unknown number or colour, or may mean two things.
        """
        picture = load_label(path)
        self._forms[path] = _FORMS.get(picture.mode, f"in colours ({picture.mode})")
        if picture.mode not in INDEX_MODES:
            if not self._ids_of_colors:
                raise DataError(
                    f"label {str(path)!r} has colours ({picture.mode}) where class numbers are "
                    "expected"
                )
            return self._colors.ids_of(picture, path)
        if not self._ids_of_colors or self.are_stated:
            return self._numbers.ids_of(picture, path)
        used = used_values(picture, path)
        shown = colors_shown(picture, used)
        if is_grey(picture, shown):
            reading = self._reading_of_greys(shown)
            if reading == "either":
                reading = self._agreed_of_greys()
        else:
            reading = self._reading_of_palette(used, palette_of(picture))
        if reading == "unclear":
            raise DataError(self._unclear(path, shown))
        codes = self._colors if reading == "colours" else self._numbers
        return codes.ids_of(picture, path)

    def _reading_of_greys(self, shown: Mapping[int, Color | None]) -> Reading:
        """Tell what numbers mean that are shown as shades of grey, by themselves."""
        by_value = [self._ids_of_values.get(value) for value in shown]
        by_color = [
            None if color is None else self._ids_of_colors.get(color) for color in shown.values()
        ]
        if None in by_color:
            return "neither" if None in by_value else "numbers"
        if None in by_value:
            return "colours"
        return "same" if by_value == by_color else "either"

    def _agreed_of_greys(self) -> Reading:
        with self._lock:  # scenes are read side by side, and the answer is the same for all
            return self._found_of_greys

    @cached_property
    def _found_of_greys(self) -> Reading:
        """What shades of grey mean in this dataset: what the labels do that mean but one thing."""
        found: set[Reading] = set()
        has_white = False
        for path in self.find_labels():
            try:
                picture = load_label(path)
                shown = colors_shown(picture, used_values(picture, path))
            except DataError:  # which is told when it is this label's turn
                continue
            if not is_grey(picture, shown):
                continue
            reading = self._reading_of_greys(shown)
            found |= {reading} & {"numbers", "colours"}
            has_white |= reading == "either" and WHITE in shown.values()
        if len(found) == 1:
            return found.pop()
        # A mask of black and white, which are colours of the class file, is not one of void.
        return "unclear" if found else "colours" if has_white else "numbers"

    def _reading_of_palette(self, used: Sequence[int], palette: Mapping[int, Color]) -> Reading:
        by_color = {value: self._class_shown(palette, value) for value in used}
        others = [value for value in used if value != VOID]
        agree = all(
            by_color[value] is not None and by_color[value] == self._ids_of_values.get(value)
            for value in others
        )
        if None not in by_color.values():
            return "numbers" if agree and self._is_void_beside(palette) else "colours"
        if agree and others:  # and 255 has a colour that is no class's
            return "numbers"
        is_foreign = all(each is None for each in by_color.values())
        is_near = any(self._is_near(palette[value]) for value in used if value in palette)
        return "numbers" if is_foreign and not is_near else "unclear"

    def _class_shown(self, palette: Mapping[int, Color], value: int) -> int | None:
        color = palette.get(value)
        return None if color is None else self._ids_of_colors.get(color)

    def _is_void_beside(self, palette: Mapping[int, Color]) -> bool:
        """Tell whether 255 only looks like a class, which the palette has at its own number too."""
        color = palette.get(VOID)
        return color is not None and any(
            row.color == color and row.value != VOID and palette.get(row.value) == color
            for row in self.rows
        )

    def _is_near(self, color: Color) -> bool:
        return any(
            max(abs(a - b) for a, b in zip(color, known, strict=True)) <= CLOSE
            for known in self._ids_of_colors
        )

    @cached_property
    def _may_clash(self) -> bool:
        """Whether a shade of grey may be a number and another class's colour."""
        return any(
            color.count(color[0]) == len(color)
            and self._ids_of_values.get(color[0], number) != number
            for color, number in self._ids_of_colors.items()
        )

    def _unclear(self, path: Path, shown: Mapping[int, Color | None]) -> str:
        """Say of a label that may mean two things, or neither wholly, where that is seen first."""
        colors = {row.value: row.color for row in self.rows}
        value, color = next(
            (
                (value, color)
                for value, color in shown.items()
                if color is None or self._ids_of_colors.get(color) != self._ids_of_values.get(value)
            ),
            next(iter(shown.items())),
        )
        wanted = colors.get(value)
        expected = f"has {wanted} for this number" if wanted else "has no row of this number"
        return (
            f"label {str(path)!r} may mean numbers or colours: it shows the number {value} in the "
            f"colour {color}, and the class file {expected}; give its palette the colours of the "
            "class file, or the class file a column 'value' with the number of each class"
        )
