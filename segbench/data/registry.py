"""The table of datasets that are known by a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from segbench.data.errors import DataError
from segbench.data.places import data_root
from segbench.data.scenes import Dataset, LabelClass, Scene
from segbench.errors import one_line
from zoo.allowed import is_import_string
from zoo.errors import ZooError, did_you_mean
from zoo.importing import import_builder, import_installed


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
    if root is not None:
        data_root(root)  # which refuses what is no folder, for datasets that need none too
    if name == BUILT_IN:
        return _own_opener(DATASETS[name].opener)(Path())
    if name in DATASETS:
        return _own_opener(DATASETS[name].opener)(data_root(root))
    if is_import_string(name):
        return _call(import_builder(name), name, data_root(root))
    if Path(name).is_dir():
        return _own_opener("segbench.data.folder:open_folder")(Path(name))
    raise DataError(
        f"unknown dataset {name!r}{did_you_mean(name, DATASETS)} (datasets: {', '.join(DATASETS)}; "
        "or a folder with classes.csv, or package.module:opener)"
    )


def _call(opener: Callable[..., object], name: str, root: Path) -> Dataset:
    """Return what a user's opener returns, once it is seen to be a dataset.

    Raises:
        DataError: it raised, or returned something else.
    """
    try:
        found = opener(root)
    except (DataError, ZooError):
        raise
    except (Exception, SystemExit) as error:  # a user's code may raise anything
        said = one_line(f"{type(error).__name__}: {error}").removesuffix(":")
        raise DataError(f"opening dataset {name!r} raised {said}") from error
    if not isinstance(found, Dataset):
        raise DataError(
            f"{name!r} returned {type(found).__name__!r}; return a segbench.data.scenes.Dataset"
        )
    if not all(isinstance(each, LabelClass) for each in found.classes):
        raise DataError(f"dataset {name!r} has classes that are no segbench.data.scenes.LabelClass")
    for split, scenes in found.splits.items():
        if not all(isinstance(scene, Scene) for scene in scenes):
            raise DataError(
                f"split {split!r} of dataset {name!r} has scenes without a name, a fingerprint, an "
                "image and a label; see segbench.data.scenes.Scene"
            )
    return found


def _own_opener(target: str) -> Callable[[Path], Dataset]:
    return cast("Callable[[Path], Dataset]", import_installed(target))
