"""Mapillary Vistas: 20,000 street scenes of many sizes, labels as indices into its own config.

Neuhold et al., The Mapillary Vistas Dataset for Semantic Understanding of Street Scenes, ICCV 2017.
The pixel of a label is an index into ``labels`` of the configuration, although its palette shows it
in colours. Only classes that the configuration has evaluated are classes here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.data.codes import IndexCodes
from segbench.data.errors import DataError
from segbench.data.files import Pairing, pair_by_stem, pictures_in
from segbench.data.places import find_home
from segbench.data.scenes import VOID, Dataset, LabelClass

FOLDERS = {"train": "training", "val": "validation"}
HOMES = ("mapillary", "mapillary-vistas", "vistas")


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
    classes, ids = _read_config(home / layout.config)
    codes = IndexCodes(ids)
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
    )


def _not(wanted: list[str]) -> str:
    return f"neither {' nor '.join(wanted)}" if wanted[1:] else f"no {wanted[0]}"


def _has(folder: Path, layout: Layout) -> bool:
    return (folder / layout.config).is_file() and (folder / "training" / layout.labels).is_dir()


def _read_config(path: Path) -> tuple[tuple[LabelClass, ...], dict[int, int]]:
    """Return the evaluated classes, and the class id of each index."""
    try:
        labels: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["labels"]
        rows = [
            (label["name"], tuple(map(int, label["color"])), label["evaluate"]) for label in labels
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"cannot read the configuration {str(path)!r}: {error}; it has a list 'labels' of "
            "objects with 'name', 'color' and 'evaluate'"
        ) from error
    classes: list[LabelClass] = []
    ids = {}
    for index, (name, (red, green, blue), is_evaluated) in enumerate(rows):
        ids[index] = len(classes) if is_evaluated else VOID
        if is_evaluated:
            classes.append(LabelClass(name, (red, green, blue)))
    return tuple(classes), ids
