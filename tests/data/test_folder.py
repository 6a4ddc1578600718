"""A user's own folders of images and labels, and every way that a name finds a dataset."""

import numpy as np
import pytest
from small_copies import plane, write_colors, write_image, write_indices

from segbench.data.errors import DataError
from segbench.data.folder import open_folder
from segbench.data.registry import DATASETS, open_dataset
from segbench.data.scenes import VOID
from zoo.allowed import allow_import

COLORED = "name,red,green,blue\nfloor,10,20,30\nvoid,0,0,0\nwall,200,0,0\n"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "rooms"
    folder.mkdir()
    (folder / "classes.csv").write_text(COLORED)
    return folder


def label_of(dataset):
    [scene] = dataset.splits["train"]
    return scene.label().ravel()


@pytest.mark.parametrize("layout", ["train/{}", "{}/train"])
def test_labels_may_be_numbers_which_are_rows_of_the_class_file(home, layout):
    write_image(home / layout.format("images") / "a.jpg")
    write_indices(home / layout.format("labels") / "a.png", plane(0, 1, 2, 255))
    dataset = open_folder(home)
    assert (dataset.name, [each.name for each in dataset.classes]) == ("rooms", ["floor", "wall"])
    assert label_of(dataset)[:4].tolist() == [0, VOID, 1, VOID]


def test_labels_may_be_colours(home):
    write_image(home / "train/images/a.png", size=(1, 3))
    write_colors(home / "train/labels/a.png", [[(200, 0, 0), (0, 0, 0), (10, 20, 30)]])
    assert label_of(open_folder(home)).tolist() == [1, VOID, 0]


def test_names_alone_get_colours_that_all_differ(home):
    (home / "classes.csv").write_text("name\n" + "\n".join(f"class {n}" for n in range(100)))
    write_image(home / "train/images/a.png")
    write_indices(home / "train/labels/a.png", plane(99))
    dataset = open_folder(home)
    assert len({each.color for each in dataset.classes}) == 100
    assert set(label_of(dataset)) == {99}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "its heading is ''; write name,red,green,blue, or name alone"),
        ("id,name\n0,a\n", "its heading is 'id,name'; write name,red,green,blue, or name alone"),
        ("name\n", "it names 0 classes; 1 to 254 can be told apart"),
        ("name,red,green,blue\na,1,2\n", "line 2 has 3 values, the heading 4"),
        ("name,red,green,blue\na,1,2,300\n", "line 2 has the colour 1,2,300; write three numbers"),
        ("name,red,green,blue\na,x,2,3\n", "line 2 has the colour x,2,3; write three numbers"),
    ],
)
def test_a_class_file_that_cannot_be_used_is_named_with_its_line(home, text, words):
    (home / "classes.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        open_folder(home)
    assert str(caught.value).startswith(f"{home / 'classes.csv'}: {words}")


def test_a_folder_without_a_class_file_or_a_split_is_refused(home):
    with pytest.raises(DataError, match=r"no split in .*: it has no train/images or images/train"):
        open_folder(home)
    (home / "classes.csv").unlink()
    with pytest.raises(DataError, match=r"no classes\.csv in .*; write one with the heading"):
        open_folder(home)


def test_an_image_and_a_label_of_different_sizes_are_told_when_they_are_read(home):
    from segbench.data.scenes import read_scene

    write_image(home / "train/images/a.png", size=(4, 7))
    write_indices(home / "train/labels/a.png", plane(0))
    [scene] = open_folder(home).splits["train"]
    with pytest.raises(DataError) as caught:
        read_scene(scene)
    assert str(caught.value) == (
        "image and label of 'a' differ in size (4x7 and 4x6); give the label the size of its "
        "image, or leave the scene out"
    )


def test_a_dataset_is_found_by_a_folder_or_an_import_string(home, monkeypatch, tmp_path):
    write_image(home / "train/images/a.png")
    write_indices(home / "train/labels/a.png", plane(0))
    assert open_dataset(str(home)).name == "rooms"
    (tmp_path / "mydata.py").write_text(
        "from segbench.data.folder import open_folder\n"
        "def rooms(root):\n    return open_folder(root / 'rooms')\n"
        "def wrong(root):\n    return 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    allow_import("mydata")
    assert open_dataset("mydata:rooms", tmp_path).name == "rooms"
    with pytest.raises(DataError) as caught:
        open_dataset("mydata:wrong", tmp_path)
    assert (
        str(caught.value) == "'mydata:wrong' returned 'int'; return a segbench.data.scenes.Dataset"
    )


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(DataError) as caught:
        open_dataset("camvit")
    assert str(caught.value).startswith(
        "unknown dataset 'camvit'; did you mean 'camvid'? (datasets: "
    )


def test_a_data_root_that_is_no_folder_is_named_with_where_it_came_from(tmp_path, monkeypatch):
    missing = tmp_path / "nowhere"
    with pytest.raises(DataError, match=r"data root .*nowhere' \(--data-root\) is no folder"):
        open_dataset("camvid", missing)
    monkeypatch.setenv("SEGBENCH_DATA", str(missing))
    with pytest.raises(DataError, match=r"\(SEGBENCH_DATA\) is no folder"):
        open_dataset("camvid")


def test_splits_that_are_missing_or_empty_are_told(home):
    (home / "train" / "images").mkdir(parents=True)
    dataset = open_folder(home)
    with pytest.raises(DataError, match=r"split 'train' of dataset 'rooms' is empty"):
        dataset.split("train")
    with pytest.raises(DataError, match=r"has no split 'val' \(splits: train\)"):
        dataset.split("val")


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "streets"])
def test_every_dataset_of_the_table_says_what_it_misses(name, tmp_path):
    with pytest.raises(DataError, match=rf"^no .* in {str(tmp_path)!r}: it has "):
        open_dataset(name, tmp_path)


def test_the_built_in_dataset_has_the_classes_and_scenes_of_its_row():
    dataset, row = open_dataset("streets"), DATASETS["streets"]
    assert len(dataset.classes) == row.classes
    assert {split: len(scenes) for split, scenes in dataset.splits.items()} == dict(row.scenes)
    label = dataset.splits["train"][0].label()
    assert np.all(label < row.classes)


@pytest.mark.parametrize("layout", ["{split}/images", "images/{split}"])
def test_a_hidden_folder_is_no_split(home, layout):
    for split in ("train", ".ipynb_checkpoints", ".Trash"):
        folder = layout.format(split=split)
        write_image(home / folder / "a.png")
        write_indices(home / folder.replace("images", "labels") / "a.png", plane(0))
    assert list(open_folder(home).splits) == ["train"]


def test_a_byte_order_mark_before_the_classes_is_no_part_of_the_heading(home):
    (home / "classes.csv").write_bytes(b"\xef\xbb\xbfname\r\nfloor\r\nwall\r\n")
    write_image(home / "train/images/f0.png")
    write_indices(home / "train/labels/f0.png", plane(0))
    assert [each.name for each in open_folder(home).classes] == ["floor", "wall"]
