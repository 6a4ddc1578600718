"""The table of datasets that are known by a name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from segbench.data.errors import DataError
from segbench.data.places import data_root
from segbench.data.scenes import Dataset
from zoo.errors import did_you_mean
from zoo.importing import import_builder, is_import_string


@dataclass(frozen=True, kw_only=True)
class DatasetEntry:
    """A dataset that is known by a name.

    Attributes:
        opener: import string of the function that finds it below a data root.
        classes: how many there are, void not counted.
        scenes: how many a whole copy has, by split.
        licence: on what terms one may have it.
    """

    name: str
    opener: str
    summary: str
    classes: int
    scenes: Mapping[str, int]
    licence: str


_ENTRIES = (
    DatasetEntry(
        name="streets",
        opener="segbench.data.streets:open_streets",
        summary="driving scenes drawn in memory; nothing to download",
        classes=8,
        scenes={"train": 400, "val": 100, "test": 100},
        licence="that of segbench",
    ),
    DatasetEntry(
        name="camvid",
        opener="segbench.data.camvid:open_camvid",
        summary="driving in Cambridge (Brostow et al. 2009)",
        classes=11,
        scenes={"train": 367, "val": 101, "test": 233},
        licence="for research, may be downloaded",
    ),
    DatasetEntry(
        name="cityscapes",
        opener="segbench.data.cityscapes:open_cityscapes",
        summary="streets of 50 cities (Cordts et al. 2016)",
        classes=19,
        scenes={"train": 2975, "val": 500},
        licence="on registration, not for commercial use",
    ),
    DatasetEntry(
        name="bdd",
        opener="segbench.data.cityscapes:open_bdd",
        summary="BDD100K, segmentation (Yu et al. 2020)",
        classes=19,
        scenes={"train": 7000, "val": 1000},
        licence="on registration",
    ),
    DatasetEntry(
        name="mapillary",
        opener="segbench.data.mapillary:open_mapillary",
        summary="Mapillary Vistas, labels 1.2 (Neuhold et al. 2017)",
        classes=65,
        scenes={"train": 18000, "val": 2000},
        licence="on request, not for commercial use",
    ),
    DatasetEntry(
        name="mapillary-v2",
        opener="segbench.data.mapillary:open_mapillary_v2",
        summary="the same scenes, labels 2.0",
        classes=123,
        scenes={"train": 18000, "val": 2000},
        licence="on request, not for commercial use",
    ),
    DatasetEntry(
        name="synthia",
        opener="segbench.data.synthia:open_synthia",
        summary="SYNTHIA-RAND-CITYSCAPES, rendered (Ros et al. 2016)",
        classes=22,
        scenes={},
        licence="not for commercial use",
    ),
    DatasetEntry(
        name="synthia-seqs",
        opener="segbench.data.synthia:open_synthia_seqs",
        summary="SYNTHIA-SEQS recordings, with their other label numbers",
        classes=12,
        scenes={},
        licence="not for commercial use",
    ),
)
DATASETS: Mapping[str, DatasetEntry] = {row.name: row for row in _ENTRIES}
BUILT_IN = "streets"


def open_dataset(name: str, root: Path | None = None) -> Dataset:
    """Open a dataset by its name, by the path of a user's own folder, or by an import string.

    Args:
        name: one of the table; a folder with ``classes.csv``; or ``package.module:opener``, a
            function that takes the data root and returns a :class:`Dataset`.
        root: the data root, see :func:`segbench.data.places.data_root`.

    Raises:
        DataError: there is no such dataset, or no copy of it.
        ZooError: what the import string names cannot be imported.

    >>> len(open_dataset("streets").classes)
    8
    """
    if name == BUILT_IN:
        return _opener(DATASETS[name].opener)(Path())
    if name in DATASETS:
        return _opener(DATASETS[name].opener)(data_root(root))
    if is_import_string(name):
        found = _opener(name)(data_root(root))
        if not isinstance(found, Dataset):
            raise DataError(
                f"{name!r} returned {type(found).__name__!r}; return a segbench.data.scenes.Dataset"
            )
        return found
    if Path(name).is_dir():
        return _opener("segbench.data.folder:open_folder")(Path(name))
    raise DataError(
        f"unknown dataset {name!r}{did_you_mean(name, DATASETS)} (datasets: {', '.join(DATASETS)}; "
        "or a folder with classes.csv, or package.module:opener)"
    )


def _opener(target: str) -> Callable[[Path], Dataset]:
    module, _, name = target.partition(":")
    if module.startswith("segbench.data."):
        return cast("Callable[[Path], Dataset]", getattr(importlib.import_module(module), name))
    return cast("Callable[[Path], Dataset]", import_builder(target))
