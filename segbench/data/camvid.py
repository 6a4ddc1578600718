"""CamVid: 701 frames of driving in Cambridge, in the SegNet tutorial's layout or the original one.

Brostow, Fauqueur, Cipolla, Semantic object classes in video: A high-definition ground truth
database, Pattern Recognition Letters 2009. Both layouts have the SegNet tutorial's 11 classes and
its split of 367, 101 and 233 frames.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

from segbench.data.codes import ColorCodes, IndexCodes, color_of
from segbench.data.dataset_files import is_file, is_folder, load_text
from segbench.data.errors import DataError
from segbench.data.pairing import Pairing, pair_by_list, pair_by_stem, reasons_of
from segbench.data.pictures import pictures_in
from segbench.data.places import find_home
from segbench.data.scenes import VOID, Color, Dataset, LabelClass

SPLITS = ("train", "val", "test")
CLASSES = (
    LabelClass("sky", (128, 128, 128)),
    LabelClass("building", (128, 0, 0)),
    LabelClass("pole", (192, 192, 128)),
    LabelClass("road", (128, 64, 128)),
    LabelClass("pavement", (60, 40, 222)),
    LabelClass("tree", (128, 128, 0)),
    LabelClass("sign-symbol", (192, 128, 128)),
    LabelClass("fence", (64, 64, 128)),
    LabelClass("car", (64, 0, 128)),
    LabelClass("pedestrian", (64, 64, 0)),
    LabelClass("bicyclist", (0, 128, 192)),
)
# The 32 classes of the original, merged as Badrinarayanan et al. (PAMI 2017) train on them.
SOURCES = {
    "sky": ("Sky",),
    "building": ("Archway", "Bridge", "Building", "Tunnel", "Wall"),
    "pole": ("Column_Pole", "TrafficCone"),
    "road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "tree": ("Tree", "VegetationMisc"),
    "sign-symbol": ("SignSymbol", "Misc_Text", "TrafficLight"),
    "fence": ("Fence",),
    "car": ("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"),
    "pedestrian": ("Pedestrian", "Child", "CartLuggagePram", "Animal"),
    "bicyclist": ("Bicyclist", "MotorcycleScooter"),
}
TUTORIAL_VOID = 11
TUTORIAL_PREFIX = "/SegNet/CamVid/"  # of the paths in its lists
TABLES = ("label_colors.txt", "class_dict.csv")
# Where copies of the original keep images and labels; the second is split into folders already.
FLAT = (("701_StillsRaw_full", "LabeledApproved_full"), ("images", "labels"))


def open_camvid(root: Path) -> Dataset:
    """Find a copy of CamVid below a data root.

    Raises:
        DataError: there is none, or its lists or its table of colours cannot be used.
    """
    home = find_home(root, ("camvid", "CamVid"), _is_home)
    if home is None:
        raise DataError(
            f"no CamVid in {str(root)!r}: it has neither train/ with trainannot/ nor "
            f"{' or '.join(TABLES)}; get it with: segbench data fetch camvid"
        )
    return _open_tutorial(home) if _is_tutorial(home) else _open_original(home)


def _is_home(folder: Path) -> bool:
    return _is_tutorial(folder) or any(is_file(folder / name) for name in TABLES)


def _is_tutorial(folder: Path) -> bool:
    return is_folder(folder / "trainannot")


def _open_tutorial(home: Path) -> Dataset:
    ids = {number: number for number in range(len(CLASSES))} | {TUTORIAL_VOID: VOID}
    codes = IndexCodes(ids, colors={i: each.color for i, each in enumerate(CLASSES)})
    found = {}
    for split in SPLITS:
        listing = home / f"{split}.txt"
        if os.path.lexists(listing):
            found[split] = pair_by_list(listing, home, codes, prefix=TUTORIAL_PREFIX)
        else:
            images, labels = pictures_in(home / split), pictures_in(home / f"{split}annot")
            found[split] = pair_by_stem(images, labels, codes)
    return _dataset(f"SegNet tutorial, in {home}", found)


def _open_original(home: Path) -> Dataset:
    codes = ColorCodes(_merged_colors(home))
    found = {
        split: _pair_original(home / split, home / f"{split}_labels", codes) for split in SPLITS
    }
    if any(pairing.scenes for pairing in found.values()):
        return _dataset(f"original, split into folders, in {home}", found)
    for images, labels in FLAT:
        whole = _pair_original(home / images, home / labels, codes)
        if whole.scenes:
            break
    else:
        raise DataError(
            f"no labelled frames in {str(home)!r}: looked for train/ and train_labels/, and for "
            + ", ".join(f"{images}/ and {labels}/" for images, labels in FLAT)
        )
    split_up = {
        split: Pairing(tuple(scene for scene in whole.scenes if split_of(scene.name) == split))
        for split in SPLITS
    }
    split_up["train"] = Pairing(split_up["train"].scenes, whole.unpaired)
    return _dataset(f"original, split as in the SegNet tutorial, in {home}", split_up)


def _pair_original(images: Path, labels: Path, codes: ColorCodes) -> Pairing:
    return pair_by_stem(
        pictures_in(images),
        pictures_in(labels),
        codes,
        label_stem=lambda stem: stem.removesuffix("_L") if stem.endswith("_L") else None,
        label_end="_L",
    )


def split_of(frame: str) -> str:
    """Return the SegNet tutorial's split of a frame.

    >>> split_of("0016E5_07959"), split_of("0001TP_008550"), split_of("0006R0_f00930")
    ('val', 'test', 'train')
    """
    found = re.fullmatch(r"(\w+?)_f?(\d+)", frame)
    sequence, number = (found[1], int(found[2])) if found else (frame, 0)
    if sequence == "0016E5" and 7959 <= number <= 8159:  # noqa: PLR2004 - 101 frames at 15 Hz
        return "val"
    is_test = sequence == "Seq05VD" or (sequence == "0001TP" and number >= 8550)  # noqa: PLR2004
    return "test" if is_test else "train"


def _merged_colors(home: Path) -> dict[Color, int]:
    """Return the class id of each colour of the copy's own table."""
    table = next(home / name for name in TABLES if is_file(home / name))
    ids = {
        source: next(i for i, each in enumerate(CLASSES) if each.name == target)
        for target, sources in SOURCES.items()
        for source in sources
    } | {"Void": VOID}
    colors: dict[Color, int] = {}
    for number, (name, color) in enumerate(_rows(table), 1):
        if name not in ids:
            raise DataError(f"{table}: row {number} names the class {name!r}, which CamVid has not")
        colors[color] = ids[name]
    return colors


def _rows(table: Path) -> Iterator[tuple[str, Color]]:
    """Give names and colours: ``r g b name`` in the text, ``name,r,g,b`` in the CSV file."""
    text = io.StringIO(load_text(table, what="the table of colours"), newline="")
    wanted = "each row has a class's name and its red, green and blue, from 0 to 255"
    try:
        for number, (name, cells) in enumerate(_cells(text, table.suffix), 1):
            color = color_of(cells)
            if color is None:
                raise DataError(
                    f"cannot read the table of colours {str(table)!r}: row {number} has the colour "
                    f"{' '.join(cells)!r}; {wanted}"
                )
            yield name.strip(), color
    except csv.Error as error:
        raise DataError(
            f"cannot read the table of colours {str(table)!r}: {error}; {wanted}"
        ) from error


def _cells(text: io.StringIO, suffix: str) -> Iterator[tuple[str, list[str]]]:
    if suffix == ".csv":
        next(text, None)  # the heading
        yield from ((row[0], row[1:4]) for row in csv.reader(text) if row)
    else:
        words = (line.split() for line in text if line.strip())
        yield from (("".join(row[3:4]), row[:3]) for row in words)


def _dataset(layout: str, found: dict[str, Pairing]) -> Dataset:
    return Dataset(
        name="camvid",
        layout=layout,
        classes=CLASSES,
        splits={split: pairing.scenes for split, pairing in found.items()},
        unpaired=tuple(path for pairing in found.values() for path in pairing.unpaired),
        reasons=reasons_of(found.values()),
    )
