"""A user's own dataset: folders of images and labels, and a file that names the classes.

The folder has ``classes.csv``, with the heading ``name,red,green,blue`` or ``name`` alone, and for
each split ``SPLIT/images`` with ``SPLIT/labels``, or ``images/SPLIT`` with ``labels/SPLIT``. Labels
are numbers, the rows of the file from 0; or colours, where the file has them and the labels do. A
class called ``void`` is none, and neither is the number 255.
"""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

from segbench.data.codes import INDEX_MODES, ColorCodes, IndexCodes
from segbench.data.errors import DataError
from segbench.data.files import Codes, Pairing, load_picture, pair_by_stem, pictures_in
from segbench.data.scenes import VOID, Color, Dataset, LabelClass

CLASS_FILE = "classes.csv"
VOID_NAME = "void"
COLORED = ("name", "red", "green", "blue")
LAYOUTS = ("{split}/images", "images/{split}")
MOST_CLASSES = 254
LEVELS = 6  # of each of three colours, for classes without one


def open_folder(home: Path) -> Dataset:
    """Open the dataset in a folder.

    Raises:
        DataError: it has no class file, no split, or one of them cannot be used.
    """
    rows, has_colors = _read_classes(home / CLASS_FILE)
    ids: list[int] = []
    classes: list[LabelClass] = []
    for row in rows:
        is_void = row.name.lower() == VOID_NAME
        ids.append(VOID if is_void else len(classes))
        classes += [] if is_void else [row]
    splits = _splits(home)
    labels = next((label for _, each in splits.values() for label in pictures_in(each)), None)
    codes: Codes
    if (
        has_colors
        and labels is not None
        and load_picture(labels, what="label").mode not in INDEX_MODES
    ):
        codes = ColorCodes({row.color: number for row, number in zip(rows, ids, strict=True)})
    else:
        codes = IndexCodes(dict(enumerate(ids)) | {VOID: VOID})
    found: dict[str, Pairing] = {
        split: pair_by_stem(pictures_in(images), pictures_in(labels_of), codes)
        for split, (images, labels_of) in splits.items()
    }
    return Dataset(
        name=home.name,
        layout=f"folders of images and labels, in {home}",
        classes=tuple(classes),
        splits={split: pairing.scenes for split, pairing in found.items()},
        unpaired=tuple(path for pairing in found.values() for path in pairing.unpaired),
    )


def _splits(home: Path) -> dict[str, tuple[Path, Path]]:
    """Return the folders of images and of labels of each split."""
    inside = {each.parent.name: each for each in sorted(home.glob("*/images"))}
    beside = {each.name: each for each in sorted((home / "images").glob("*")) if each.is_dir()}
    found = {name: (images, images.with_name("labels")) for name, images in inside.items()} or {
        name: (images, home / "labels" / name) for name, images in beside.items()
    }
    if not found:
        wanted = " or ".join(layout.format(split="train") for layout in LAYOUTS)
        raise DataError(f"no split in {str(home)!r}: it has no {wanted}; make one of them")
    return found


def _read_classes(path: Path) -> tuple[list[LabelClass], bool]:
    """Return the rows of a class file, void among them, and whether it gives their colours."""
    try:
        rows = [row for row in csv.reader(path.read_text(encoding="utf-8-sig").splitlines()) if row]
    except FileNotFoundError as error:
        raise DataError(
            f"no {path.name} in {str(path.parent)!r}; write one with the heading "
            "name,red,green,blue and a row for each class"
        ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {str(path)!r}: {error}") from error
    heading = tuple(cell.strip().lower() for cell in rows[0]) if rows else ()
    has_colors = heading == COLORED
    if not has_colors and heading != COLORED[:1]:
        raise DataError(
            f"{path}: its heading is {','.join(heading)!r}; "
            "write name,red,green,blue, or name alone"
        )
    if not 1 < len(rows) <= MOST_CLASSES + 1:
        raise DataError(
            f"{path}: it names {len(rows) - 1} classes; 1 to {MOST_CLASSES} can be told apart"
        )
    spare = itertools.cycle(_spread_colors())
    found = []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(heading):
            raise DataError(
                f"{path}: line {number} has {len(row)} values, the heading {len(heading)}"
            )
        found.append(
            LabelClass(row[0].strip(), _color(row[1:], path, number) if has_colors else next(spare))
        )
    return found, has_colors


def _color(cells: list[str], path: Path, number: int) -> Color:
    try:
        red, green, blue = (int(cell) for cell in cells)
    except ValueError:
        red = green = blue = -1
    if not all(0 <= part <= 255 for part in (red, green, blue)):  # noqa: PLR2004 - eight bits
        raise DataError(
            f"{path}: line {number} has the colour {','.join(cells)}; "
            "write three numbers from 0 to 255"
        )
    return red, green, blue


def _spread_colors() -> list[Color]:
    """Return colours far from each other first, for classes that have none of their own."""
    steps = [round(level * 255 / (LEVELS - 1)) for level in range(LEVELS)]
    colors = [(r, g, b) for r in steps for g in steps for b in steps][1:]
    return [colors[(position * 89) % len(colors)] for position in range(len(colors))]
