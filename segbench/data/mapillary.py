"""Mapillary Vistas: 20,000 street scenes of many sizes, labels as indices into its own config.

Neuhold et al., The Mapillary Vistas Dataset for Semantic Understanding of Street Scenes, ICCV 2017.
The pixel of a label is an index into ``labels`` of the configuration, although its palette shows it
in colours. Only classes that the configuration has evaluated are classes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Interval

from segbench.data.codes import MOST_CLASSES, ClassNames, IndexCodes
from segbench.data.dataset_files import is_file, is_folder, load_text
from segbench.data.errors import DataError
from segbench.data.pairing import Pairing, pair_by_stem, reasons_of
from segbench.data.pictures import pictures_in
from segbench.data.places import find_home
from segbench.data.scenes import VOID, Color, Dataset, LabelClass
from segbench.errors import UsageError
from segbench.files import parse_as

FOLDERS = {"train": "training", "val": "validation"}
HOMES = ("mapillary", "mapillary-vistas", "vistas")
MOST_LABELS = 1 << 16  # which an index of 16 bits tells apart

Level = Annotated[int, Interval(ge=0, le=255)]


@dataclass(frozen=True)
class Layout:
    """Where one version of the annotations lies in one release.

    Attributes:
        labels: the folder of a split's labels, below that of the split.
        config: the configuration, below the root.
    """

    words: str
    labels: str
    config: str


@dataclass(frozen=True)
class ConfiguredLabel:
    """One label of a configuration; its index is its place among them.

    Attributes:
        evaluate: whether it is a class; without it, it is void.
    """

    name: str
    color: tuple[Level, Level, Level]
    evaluate: bool


@dataclass(frozen=True)
class Configuration:
    """What is read of a release's configuration; it has more."""

    labels: tuple[ConfiguredLabel, ...]


# The annotations of version 1.2 are in both releases, those of 2.0 in the second alone.
V1 = (
    Layout("release 1", "labels", "config.json"),
    Layout("release 2.0, labels 1.2", "v1.2/labels", "config_v1.2.json"),
)
V2 = (Layout("release 2.0, labels 2.0", "v2.0/labels", "config_v2.0.json"),)


def open_mapillary(root: Path) -> Dataset:
    """Find Vistas with the classes of version 1.2 below a data root, in either release.

    Raises:
        DataError: there is none, or its configuration cannot be used.
    """
    return _open("mapillary", root, V1)


def open_mapillary_v2(root: Path) -> Dataset:
    """Find Vistas with the classes of version 2.0 below a data root.

    Raises:
        DataError: there is none, or its configuration cannot be used.
    """
    return _open("mapillary-v2", root, V2)


def _open(name: str, root: Path, layouts: tuple[Layout, ...]) -> Dataset:
    for layout in layouts:
        home = find_home(root, HOMES, lambda folder, layout=layout: _has(folder, layout))  # type: ignore[misc]
        if home is not None:
            break
    else:
        wanted = [f"{each.config} with training/{each.labels}/" for each in layouts]
        raise DataError(
            f"no Mapillary Vistas in {str(root)!r}: it has {_not(wanted)}; ask for it at "
            "www.mapillary.com/dataset/vistas, and unpack it into its folder mapillary"
        )
    classes, ids, colors = _read_config(home / layout.config)
    codes = IndexCodes(ids, colors=colors)
    found: dict[str, Pairing] = {
        split: pair_by_stem(
            pictures_in(home / folder / "images"), pictures_in(home / folder / layout.labels), codes
        )
        for split, folder in FOLDERS.items()
    }
    return Dataset(
        name=name,
        layout=f"{layout.words}, in {home}",
        classes=classes,
        splits={split: pairing.scenes for split, pairing in found.items()},
        unpaired=tuple(path for pairing in found.values() for path in pairing.unpaired),
        reasons=reasons_of(found.values()),
    )


def _not(wanted: list[str]) -> str:
    return f"neither {' nor '.join(wanted)}" if wanted[1:] else f"no {wanted[0]}"


def _has(folder: Path, layout: Layout) -> bool:
    return is_file(folder / layout.config) and is_folder(folder / "training" / layout.labels)


def _read_config(
    path: Path,
) -> tuple[tuple[LabelClass, ...], dict[int, int], dict[int, Color]]:
    """Return the evaluated classes, the class id of each index, and its colour."""
    source = f"the configuration {str(path)!r}"
    try:
        found = parse_as(load_text(path, what="the configuration"), Configuration, source=source)
    except UsageError as error:
        raise DataError(str(error)) from error
    names = ClassNames(source)
    classes: list[LabelClass] = []
    ids = {}
    for index, label in enumerate(found.labels[:MOST_LABELS]):
        ids[index] = len(classes) if label.evaluate else VOID
        if label.evaluate:
            names.add(label.name, where=f"label {index}")
            classes.append(LabelClass(label.name, label.color))
    if len(found.labels) > MOST_LABELS or not 0 < len(classes) <= MOST_CLASSES:
        raise DataError(
            f"{source} has {len(found.labels):,} labels, {len(classes):,} of them evaluated; "
            f"1 to {MOST_CLASSES} can be told apart"
        )
    colors = {index: label.color for index, label in enumerate(found.labels)}
    return tuple(classes), ids, colors
