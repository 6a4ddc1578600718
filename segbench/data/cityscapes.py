"""Cityscapes, and BDD100K with its train ids: 19 classes of streets.

Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016; Yu et al.,
BDD100K: A Diverse Driving Dataset for Heterogeneous Multitask Learning, CVPR 2020. Label ids, train
ids and colours are those of cityscapesScripts, ``labels.py``.
"""

from __future__ import annotations

from pathlib import Path

from segbench.data.codes import IndexCodes
from segbench.data.dataset_files import folders_in, is_folder
from segbench.data.errors import DataError
from segbench.data.pairing import Pairing, pair_by_stem, reasons_of
from segbench.data.pictures import pictures_in
from segbench.data.places import find_home
from segbench.data.scenes import VOID, Dataset, LabelClass

CLASSES = (
    LabelClass("road", (128, 64, 128)),
    LabelClass("sidewalk", (244, 35, 232)),
    LabelClass("building", (70, 70, 70)),
    LabelClass("wall", (102, 102, 156)),
    LabelClass("fence", (190, 153, 153)),
    LabelClass("pole", (153, 153, 153)),
    LabelClass("traffic light", (250, 170, 30)),
    LabelClass("traffic sign", (220, 220, 0)),
    LabelClass("vegetation", (107, 142, 35)),
    LabelClass("terrain", (152, 251, 152)),
    LabelClass("sky", (70, 130, 180)),
    LabelClass("person", (220, 20, 60)),
    LabelClass("rider", (255, 0, 0)),
    LabelClass("car", (0, 0, 142)),
    LabelClass("truck", (0, 0, 70)),
    LabelClass("bus", (0, 60, 100)),
    LabelClass("train", (0, 80, 100)),
    LabelClass("motorcycle", (0, 0, 230)),
    LabelClass("bicycle", (119, 11, 32)),
)
# Label ids of the classes that are evaluated, in the order of their train ids.
EVALUATED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
LABEL_IDS = dict.fromkeys((*range(34), VOID), VOID) | {
    value: number for number, value in enumerate(EVALUATED)
}
TRAIN_IDS = {number: number for number in range(len(CLASSES))} | {VOID: VOID}


def codes_of(ids: dict[int, int]) -> IndexCodes:
    """Return how labels are read whose numbers have these class ids."""
    colors = {value: CLASSES[number].color for value, number in ids.items() if number != VOID}
    return IndexCodes(ids, colors=colors)


IMAGE_END = "_leftImg8bit"
# Train ids are read where a copy has them, which is made of the other with cityscapesScripts.
LABEL_ENDS = {"_gtFine_labelTrainIds": TRAIN_IDS, "_gtFine_labelIds": LABEL_IDS}
SPLITS = ("train", "val")  # the labels of the test split are not published


def open_cityscapes(root: Path) -> Dataset:
    """Find a copy of Cityscapes below a data root: leftImg8bit/ and gtFine/.

    Raises:
        DataError: there is none.
    """
    home = find_home(
        root,
        ("cityscapes", "Cityscapes"),
        lambda folder: all(is_folder(folder / name) for name in ("leftImg8bit", "gtFine")),
    )
    if home is None:
        raise DataError(
            f"no Cityscapes in {str(root)!r}: it has no leftImg8bit/ with gtFine/; register at "
            "www.cityscapes-dataset.com, and unpack leftImg8bit_trainvaltest.zip and "
            "gtFine_trainvaltest.zip into its folder cityscapes"
        )
    found = {split: _pair_cities(home, split) for split in SPLITS}
    return _dataset("cityscapes", f"leftImg8bit and gtFine, in {home}", found)


def _pair_cities(home: Path, split: str) -> Pairing:
    images = _pictures_of_cities(home / "leftImg8bit" / split)
    labels = _pictures_of_cities(home / "gtFine" / split)
    end, ids = next(
        (
            (end, ids)
            for end, ids in LABEL_ENDS.items()
            if any(label.stem.endswith(end) for label in labels)
        ),
        ("_gtFine_labelIds", LABEL_IDS),
    )
    return pair_by_stem(
        images,
        labels,
        codes_of(ids),
        image_stem=lambda stem: stem.removesuffix(IMAGE_END),
        # colours and instances lie beside the ids
        label_stem=lambda stem: stem.removesuffix(end) if stem.endswith(end) else None,
        label_end=end,
    )


def _pictures_of_cities(folder: Path) -> list[Path]:
    return [picture for city in folders_in(folder) for picture in pictures_in(city)]


# Images and labels of a split, and what the labels' names end in, from the root of BDD100K.
BDD_LAYOUTS = {
    "current": ("images/10k/{}", "labels/sem_seg/masks/{}", ""),
    "legacy": ("seg/images/{}", "seg/labels/{}", "_train_id"),
}


def open_bdd(root: Path) -> Dataset:
    """Find a copy of BDD100K's 10,000 segmented images below a data root, in either layout.

    Raises:
        DataError: there is none.
    """
    home = find_home(root, ("bdd100k", "bdd"), lambda folder: _bdd_layout(folder) is not None)
    if home is None:
        wanted = " nor ".join(
            f"{images.format('train')}/ with {labels.format('train')}/"
            for images, labels, _ in BDD_LAYOUTS.values()
        )
        raise DataError(
            f"no BDD100K in {str(root)!r}: it has neither {wanted}; register at "
            "bdd-data.berkeley.edu, and unpack the 10K images and the segmentation labels into its "
            "folder bdd100k"
        )
    layout = _bdd_layout(home)
    images, labels, end = BDD_LAYOUTS[layout or "current"]
    found = {
        split: pair_by_stem(
            pictures_in(home / images.format(split)),
            pictures_in(home / labels.format(split)),
            codes_of(TRAIN_IDS),
            # the colours of the legacy layout lie elsewhere, but some copies put them together
            label_stem=lambda stem: stem.removesuffix(end) if stem.endswith(end) else None,
            label_end=end,
        )
        for split in SPLITS
    }
    return _dataset("bdd", f"{layout} layout, in {home}", found)


def _bdd_layout(folder: Path) -> str | None:
    return next(
        (
            name
            for name, (_, labels, _) in BDD_LAYOUTS.items()
            if is_folder(folder / labels.format("train"))
        ),
        None,
    )


def _dataset(name: str, layout: str, found: dict[str, Pairing]) -> Dataset:
    return Dataset(
        name=name,
        layout=layout,
        classes=CLASSES,
        splits={split: pairing.scenes for split, pairing in found.items()},
        unpaired=tuple(path for pairing in found.values() for path in pairing.unpaired),
        reasons=reasons_of(found.values()),
    )
