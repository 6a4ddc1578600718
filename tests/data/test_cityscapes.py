"""Cityscapes and BDD100K: 19 classes in three layouts."""

import pytest
from small_copies import plane, write_colors, write_image, write_indices

from segbench.data.cityscapes import CLASSES, open_bdd, open_cityscapes
from segbench.data.errors import DataError
from segbench.data.scenes import VOID

# cityscapesScripts, labels.py: id and train id of the 19 classes that are evaluated
EVALUATED = {
    "road": 7, "sidewalk": 8, "building": 11, "wall": 12, "fence": 13, "pole": 17,
    "traffic light": 19, "traffic sign": 20, "vegetation": 21, "terrain": 22, "sky": 23,
    "person": 24, "rider": 25, "car": 26, "truck": 27, "bus": 28, "train": 31, "motorcycle": 32,
    "bicycle": 33,
}  # fmt: skip
FRAME = "aachen_000000_000019"
ZEROS = plane(0)


def cityscapes(root, *, ends, split="train", values=ZEROS):
    home = root / "cityscapes"
    write_image(home / "leftImg8bit" / split / "aachen" / f"{FRAME}_leftImg8bit.png")
    for end in ends:
        write_indices(home / "gtFine" / split / "aachen" / f"{FRAME}_gtFine_{end}.png", values)
    # what lies beside the labels of every copy
    write_colors(
        home / "gtFine" / split / "aachen" / f"{FRAME}_gtFine_color.png", [[(0, 0, 0)] * 6] * 4
    )


def test_label_ids_become_train_ids_and_all_others_void(root):
    others = [number for number in range(34) if number not in EVALUATED.values()]
    cityscapes(root, ends=["labelIds"], values=[[*EVALUATED.values(), *others, 255]])
    write_image(
        root / "cityscapes/leftImg8bit/train/aachen" / f"{FRAME}_leftImg8bit.png", size=(1, 35)
    )
    [scene] = open_cityscapes(root).splits["train"]
    assert scene.name == FRAME
    assert scene.label()[0].tolist() == [*range(19), *[VOID] * 16]
    assert [each.name for each in CLASSES] == list(EVALUATED)


def test_train_ids_are_read_where_a_copy_has_them(root):
    cityscapes(root, ends=["labelIds", "labelTrainIds"], values=plane(18, 0, 255))
    [scene] = open_cityscapes(root).splits["train"]
    assert scene.label().ravel()[:3].tolist() == [18, 0, VOID]


def test_images_without_labels_are_told_and_the_unlabelled_test_split_is_left_out(root):
    cityscapes(root, ends=["labelIds"])
    write_image(root / "cityscapes/leftImg8bit/test/berlin/berlin_0_leftImg8bit.png")
    lonely = root / "cityscapes/leftImg8bit/val/ulm/ulm_0_leftImg8bit.png"
    write_image(lonely)
    dataset = open_cityscapes(root)
    assert list(dataset.splits) == ["train", "val"]
    assert dataset.unpaired == (str(lonely),)


BDD = {
    "legacy": ("seg/images/{}/{}.jpg", "seg/labels/{}/{}_train_id.png"),
    "current": ("images/10k/{}/{}.jpg", "labels/sem_seg/masks/{}/{}.png"),
}


@pytest.mark.parametrize("layout", BDD)
def test_both_layouts_of_bdd_are_read(root, layout):
    image, label = BDD[layout]
    for split, frame in (("train", "0004a4c0-d4dff0ad"), ("val", "7d06fefd-f7be05a6")):
        write_image(root / "bdd100k" / image.format(split, frame))
        write_indices(root / "bdd100k" / label.format(split, frame), plane(0, 13, 255))
    dataset = open_bdd(root)
    assert dataset.layout == f"{layout} layout, in {root / 'bdd100k'}"
    assert {
        split: [scene.name for scene in scenes] for split, scenes in dataset.splits.items()
    } == {
        "train": ["0004a4c0-d4dff0ad"],
        "val": ["7d06fefd-f7be05a6"],
    }
    assert dataset.splits["val"][0].label().ravel()[:3].tolist() == [0, 13, VOID]


def test_a_train_id_of_19_is_an_error_and_not_a_twentieth_class(root):
    image, label = BDD["current"]
    write_image(root / "bdd100k" / image.format("train", "a"))
    write_indices(root / "bdd100k" / label.format("train", "a"), plane(19))
    with pytest.raises(DataError, match=r"has the value 19 .* \(known: 0-18, 255\)"):
        open_bdd(root).splits["train"][0].label()


@pytest.mark.parametrize(
    ("opener", "words"), [(open_cityscapes, "no Cityscapes"), (open_bdd, "no BDD100K")]
)
def test_where_there_is_no_copy_it_is_said_where_to_register(root, opener, words):
    root.mkdir()
    with pytest.raises(DataError, match=rf"{words} in .*; register at .*, and unpack"):
        opener(root)
