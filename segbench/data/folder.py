"""A user's own dataset: folders of images and labels, and a file that names the classes.

The folder has ``classes.csv``, with the heading ``name,red,green,blue`` or ``name`` alone, and for
each split ``SPLIT/images`` with ``SPLIT/labels``, or ``images/SPLIT`` with ``labels/SPLIT``. Labels
are numbers, the rows of the file from 0, or those of a column ``value`` behind the name; or
colours, where the file has them and the labels do. A class called ``void`` is none, and neither is
the number 255 unless a class has it as its value.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from segbench.data.class_file_codes import ClassFileCodes, ClassRow
from segbench.data.codes import MOST_CLASSES, ClassNames, color_of
from segbench.data.dataset_files import folders_in, load_text
from segbench.data.errors import DataError
from segbench.data.pairing import Codes, Pairing, composed, pair_by_stem, reasons_of
from segbench.data.pictures import pictures_in
from segbench.data.scenes import VOID, Color, Dataset, LabelClass
from segbench.errors import one_line

CLASS_FILE = "classes.csv"
VOID_NAME = "void"
COLORED = ("name", "red", "green", "blue")
VALUE = "value"
MOST_VALUE = (1 << 16) - 1  # which 16 bits hold
LABEL_END = re.compile(r"[_. -](?=\w*[^\W\d_])")  # where such as _mask may begin
LAYOUTS = ("{split}/images", "images/{split}")
LEVELS = 6  # of each of three colours, for classes without one


def open_folder(home: Path) -> Dataset:
    """Open the dataset in a folder.

    Raises:
        DataError: it has no class file, no split, or one of them cannot be used.
    """
    rows, are_stated = _read_classes(home / CLASS_FILE)
    spare = itertools.cycle(_spread_colors())
    classes = tuple(
        LabelClass(row.name, row.color or free)
        for row, free in zip(rows, spare, strict=False)
        if row.number != VOID
    )
    splits = _splits(home)
    labels = {split: pictures_in(each) for split, (_, each) in splits.items()}
    codes = ClassFileCodes(
        rows,
        are_stated=are_stated,
        find_labels=lambda: [label for each in labels.values() for label in each],
    )
    found = {
        split: _pair(pictures_in(images), labels[split], codes)
        for split, (images, _) in splits.items()
    }
    return Dataset(
        name=home.name,
        layout=f"folders of images and labels, in {home}",
        classes=classes,
        splits={split: pairing.scenes for split, pairing in found.items()},
        unpaired=tuple(path for pairing in found.values() for path in pairing.unpaired),
        reasons=reasons_of(found.values()),
        notes=codes.notes,
    )


def _pair(images: Sequence[Path], labels: Sequence[Path], codes: Codes) -> Pairing:
    """Pair the files of a split; all labels may have one ending more, such as ``_mask``."""
    found = pair_by_stem(images, labels, codes)
    if found.scenes or not images or not labels:
        return found
    stems = {composed(image.stem) for image in images}
    ends = {_end_behind(stems, composed(label.stem)) for label in labels} - {None}
    if len(ends) != 1:
        return found
    end = ends.pop() or ""
    return pair_by_stem(
        images,
        labels,
        codes,
        label_stem=lambda stem: stem.removesuffix(end) if stem.endswith(end) else None,
        label_end=end,
    )


def _end_behind(stems: AbstractSet[str], stem: str) -> str | None:
    """Return what a label's stem has behind that of an image; None if it has none before it.

    >>> _end_behind({"a", "a_b"}, "a_b_mask"), _end_behind({"a"}, "a_2"), _end_behind({"a"}, "a")
    ('_mask', None, None)
    """
    found = (stem[each.start() :] for each in LABEL_END.finditer(stem))
    return next((end for end in [*found][::-1] if stem.removesuffix(end) in stems), None)


def _splits(home: Path) -> dict[str, tuple[Path, Path]]:
    """Return the folders of images and of labels of each split."""
    within = [each for each in folders_in(home) if os.path.lexists(each / "images")]
    found = {each.name: (each / "images", each / "labels") for each in within} or {
        each.name: (each, home / "labels" / each.name) for each in folders_in(home / "images")
    }
    if not found:
        wanted = " or ".join(layout.format(split="train") for layout in LAYOUTS)
        raise DataError(f"no split in {str(home)!r}: it has no {wanted}; make one of them")
    return found


def _read_classes(path: Path) -> tuple[list[ClassRow], bool]:
    """Return the rows of a class file, void among them, and whether it gives their values."""
    (_, heading), *rows = _read_rows(path)
    has_colors, has_values = _columns(path, heading)
    names = ClassNames(str(path))
    colored: dict[Color, tuple[int, bool]] = {}
    valued: dict[int, int] = {}
    found: list[ClassRow] = []
    for number, row in rows:
        if len(row) != len(heading):
            raise DataError(
                f"{path}: line {number} has {len(row)} values, the heading {len(heading)}"
            )
        name = row[0].strip()
        is_void = _is_void(name)  # of which there may be several colours
        if not is_void:
            names.add(name, where=f"line {number}")
        color = _color(row[-3:], path, number) if has_colors else None
        if color is not None:
            before, both_void = colored.setdefault(color, (number, is_void))
            if before != number and not (is_void and both_void):
                raise DataError(
                    f"{path}: line {number} has the colour {','.join(map(str, color))}, which is "
                    f"that of line {before}; give each class a colour of its own"
                )
        value = _value(row[1], path, number) if has_values else len(found)
        if valued.setdefault(value, number) != number:
            raise DataError(
                f"{path}: line {number} has the value {value}, which is that of line "
                f"{valued[value]}; give each class a value of its own"
            )
        known = sum(each.number != VOID for each in found)
        found.append(ClassRow(name, color, value, VOID if is_void else known))
    if all(each.number == VOID for each in found):
        raise _miscounted(path, 0)
    return found, has_values


def _is_void(name: str) -> bool:
    return name.lower() == VOID_NAME


def _columns(path: Path, heading: list[str]) -> tuple[bool, bool]:
    """Tell from a class file's heading whether it gives colours, and whether it gives values."""
    cells = tuple(cell.strip().lower() for cell in heading)
    has_values = cells[1:2] == (VALUE,)
    others = cells[:1] + cells[2:] if has_values else cells
    if others not in (COLORED, COLORED[:1]):
        raise DataError(
            f"{path}: its heading is {','.join(cells)!r}; write name,red,green,blue, or name alone"
        )
    return others == COLORED, has_values


def _value(cell: str, path: Path, number: int) -> int:
    if not re.fullmatch(r"\s*[0-9]{1,5}\s*", cell, re.ASCII) or int(cell) > MOST_VALUE:
        raise DataError(
            f"{path}: line {number} has the value {one_line(cell)!r}; write a number from 0 to "
            f"{MOST_VALUE}"
        )
    return int(cell)


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows of a class file with the numbers of their lines, the heading first."""
    if not os.path.lexists(path):
        raise DataError(
            f"no {path.name} in {str(path.parent)!r}; write one with the heading "
            "name,red,green,blue and a row for each class"
        )
    reader = csv.reader(io.StringIO(load_text(path, what="the classes"), newline=""), strict=True)
    rows = ((reader.line_num, row) for row in reader if row)
    try:
        found = list(itertools.islice(rows, 1 + MOST_CLASSES))
        others = sum(1 for _ in rows)
    except csv.Error as error:
        raise DataError(
            f"cannot read the classes {str(path)!r}: line {reader.line_num}: {error}"
        ) from error
    if others:
        raise _miscounted(path, MOST_CLASSES + others)
    return found or [(1, [])]


def _miscounted(path: Path, count: int) -> DataError:
    return DataError(f"{path}: it names {count:,} classes; 1 to {MOST_CLASSES} can be told apart")


def _color(cells: list[str], path: Path, number: int) -> Color:
    color = color_of(cells)
    if color is None:
        raise DataError(
            f"{path}: line {number} has the colour {one_line(','.join(cells))}; "
            "write three numbers from 0 to 255"
        )
    return color


def _spread_colors() -> list[Color]:
    """Return colours far from each other first, for classes that have none of their own."""
    steps = [round(level * 255 / (LEVELS - 1)) for level in range(LEVELS)]
    colors = [(r, g, b) for r in steps for g in steps for b in steps][1:]
    return [colors[(position * 89) % len(colors)] for position in range(len(colors))]
