"""Every dataset that is known by a name keeps the contract, in each of its layouts."""

import dataclasses
import json
import re

import pytest
from dataset_contract import DatasetContract
from small_copies import plane, write_16_bits, write_colors, write_image, write_indices

from segbench.data.registry import DATASETS, open_dataset

INSTANCE = 7
OWN = "rooms"
SKY, ROAD = (128, 128, 128), (128, 64, 128)


def write_pairs(home, image, label):
    """Write a scene of training and one of validation, by patterns of their paths."""
    for split, level in (("train", 100), ("val", 90)):
        write_image(home / image.format(split), level=level)
        write_indices(home / label.format(split), plane(0, 1))


def write_vistas(home, config, folder, *, classes):
    home.mkdir(parents=True)
    labels = [
        {"name": f"class {number}", "color": [number, 0, 0], "evaluate": number < classes}
        for number in range(classes + 1)
    ]
    (home / config).write_text(json.dumps({"labels": labels}))
    for split in ("training", "validation"):
        write_image(home / split / "images" / "a.jpg")
        write_indices(home / split / folder / "a.png", plane(0, 1, classes), palette=True)


def write_camvid_as_published(home):
    home.mkdir(parents=True)
    (home / "label_colors.txt").write_text("128 128 128\tSky\n128 64 128\tRoad\n0 0 0\tVoid\n")
    for frame, color in (("0001TP_008550", SKY), ("0016E5_08159", ROAD)):
        write_image(home / "701_StillsRaw_full" / f"{frame}.png")
        write_colors(home / "LabeledApproved_full" / f"{frame}_L.png", [[color] * 6] * 4)


def write_16_bit_pairs(images, labels):
    for name in ("000000.png", "000001.png"):
        write_image(images / name)
        write_16_bits(labels / name, plane(3, 1), plane(INSTANCE))


def write_own(home):
    write_pairs(home, "{}/images/a.png", "{}/labels/a.png")
    (home / "classes.csv").write_text("name\nfloor\nwall\n")


CITY = ("leftImg8bit/{}/aachen/a_leftImg8bit.png", "gtFine/{}/aachen/a_gtFine_{{}}.png")
# By dataset and layout, what writes a small copy into a data root.
COPIES = {
    "streets": lambda _: None,  # drawn
    "camvid, SegNet tutorial": lambda root: write_pairs(
        root / "camvid", "{}/a.png", "{}annot/a.png"
    ),
    "camvid, as published": lambda root: write_camvid_as_published(root / "CamVid"),
    "cityscapes": lambda root: write_pairs(
        root / "cityscapes", CITY[0], CITY[1].replace("{{}}", "labelTrainIds")
    ),
    "bdd, legacy": lambda root: write_pairs(
        root / "bdd100k", "seg/images/{}/a.jpg", "seg/labels/{}/a_train_id.png"
    ),
    "bdd, current": lambda root: write_pairs(
        root / "bdd100k", "images/10k/{}/a.jpg", "labels/sem_seg/masks/{}/a.png"
    ),
    "mapillary, release 1": lambda root: write_vistas(
        root / "mapillary", "config.json", "labels", classes=65
    ),
    "mapillary, release 2": lambda root: write_vistas(
        root / "mapillary", "config_v1.2.json", "v1.2/labels", classes=65
    ),
    "mapillary-v2": lambda root: write_vistas(
        root / "mapillary", "config_v2.0.json", "v2.0/labels", classes=123
    ),
    "synthia": lambda root: write_16_bit_pairs(root / "synthia/RGB", root / "synthia/GT/LABELS"),
    "synthia-seqs": lambda root: write_16_bit_pairs(
        root / "synthia-seqs/SYNTHIA-SEQS-04-SUMMER/RGB/Stereo_Left/Omni_F",
        root / "synthia-seqs/SYNTHIA-SEQS-04-SUMMER/GT/LABELS/Stereo_Left/Omni_F",
    ),
    OWN: lambda root: write_own(root / OWN),
}


def test_every_dataset_has_a_small_copy():
    assert {re.split(", ", copy)[0] for copy in COPIES} == {*DATASETS, OWN}


class TestDatasets(DatasetContract):
    @pytest.fixture(params=COPIES)
    def name(self, request, root):
        root.mkdir()
        COPIES[request.param](root)
        name = request.param.partition(",")[0]
        return str(root / OWN) if name == OWN else name

    @pytest.fixture
    def dataset(self, name, root):
        found = open_dataset(name, root)
        # Those that are drawn are many.
        return dataclasses.replace(
            found, splits={split: scenes[:2] for split, scenes in found.splits.items()}
        )

    def test_it_has_as_many_classes_as_the_table_says(self, name, dataset):
        if name in DATASETS:
            assert len(dataset.classes) == DATASETS[name].classes
        else:
            assert [each.name for each in dataset.classes] == ["floor", "wall"]
