"""Predictions at an image's own size, as masks and as pictures."""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import segbench_here
from PIL import Image

from segbench.data.errors import DataError
from segbench.data.painting import color_table, mask
from segbench.data.scenes import VOID, LabelClass
from segbench.errors import UsageError
from segbench.training.config import Job
from segbench.training.confusion import ConfusionMatrix
from segbench.training.predict import (
    InputImage,
    Predictor,
    beside,
    load_predictors,
    pictures,
    predict_all,
    read_pictures,
    read_scenes,
)
from segbench.training.run import train


@pytest.fixture
def trained(rooms, tmp_path):
    job = Job(model="nets_to_train:Small", dataset=str(rooms), size=(24, 32), epochs=6, batch=4)
    return train(job, tmp_path / "run", cache=tmp_path / "cache").path


def test_an_image_of_the_size_of_training_is_seen_as_the_network_sees_it(trained, rooms):
    predictor = Predictor(trained)
    [first, *_] = read_pictures(pictures(rooms / "val" / "images"))
    found = predictor.predict(first.image)
    label = np.asarray(Image.open(rooms / "val" / "labels" / f"{first.name}.png"))
    assert found.shape == (24, 32)
    assert (found == label)[label != VOID].mean() > 0.85
    assert [each.name for each in predictor.classes] == ["floor", "wall"]


@pytest.mark.parametrize("size", [(24, 32), (50, 71), (10, 9)])
def test_the_prediction_has_the_images_own_size(trained, size):
    dark, bright = (np.full((*size, 3), level, np.uint8) for level in (60, 180))
    predictor = Predictor(trained)
    assert predictor.predict(dark).shape == size
    assert (predictor.predict(dark) == 0).mean() > 0.9
    assert (predictor.predict(bright) == 1).mean() > 0.9


def test_void_that_was_learnt_is_void_in_the_prediction(trained, monkeypatch):
    predictor = Predictor(trained)
    logits = torch.zeros(1, 3, 24, 32)
    logits[:, 2, :, :16] = 1.0
    monkeypatch.setattr(predictor._trained, "network", lambda _: logits)
    found = predictor.predict(np.zeros((24, 32, 3), np.uint8))
    assert set(found[:, :16].ravel()) == {VOID}
    assert set(found[:, 16:].ravel()) == {0}


def test_a_mask_keeps_the_ids_and_shows_the_colours(tmp_path):
    classes = (LabelClass("a", (1, 2, 3)), LabelClass("b", (200, 100, 50)))
    label = np.array([[0, 1], [1, VOID]], np.uint8)
    mask(label, classes).save(tmp_path / "m.png")
    back = Image.open(tmp_path / "m.png")
    np.testing.assert_array_equal(np.asarray(back), label)
    assert np.asarray(back.convert("RGB"))[0, 1].tolist() == [200, 100, 50]
    assert np.asarray(back.convert("RGB"))[1, 1].tolist() == [0, 0, 0]
    assert color_table(classes).shape == (256, 3)


def test_scenes_of_a_dataset_are_shown_with_their_labels(trained, rooms, tmp_path):
    predictor = Predictor(trained)
    [first] = load_predictors([trained])
    count, seen = read_scenes(str(rooms), "val", None)
    scenes = list(seen)
    assert count == len(scenes) == 4
    predict_all([first], scenes, tmp_path / "out", count=4, progress=lambda *_: None)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted(f"{n}{end}" for n in range(4) for end in (".png", "_mask.png"))
    with Image.open(tmp_path / "out" / "0.png") as picture:
        assert picture.width == 3 * 32  # image, label and prediction
    found = predictor.predict(scenes[0].image)
    alone = beside(InputImage("a", scenes[0].image), [("run", found)], predictor.classes)
    assert alone.width == 2 * 32


def test_networks_are_shown_beside_each_other_in_the_order_they_were_named(
    trained, rooms, tmp_path
):
    [scene, *_] = read_scenes(str(rooms), "val", None)[1]
    shutil.copytree(trained, tmp_path / "other")
    predictors = load_predictors([trained, tmp_path / "other"])
    assert [predictor.name for predictor in predictors] == ["run", "other"]
    predict_all(predictors, [scene], tmp_path / "out", count=1, progress=lambda *_: None)
    with Image.open(tmp_path / "out" / f"{scene.name}.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[1] == 4 * 32  # image, labels and two predictions
    top = 18  # the caption
    np.testing.assert_array_equal(pixels[top : top + 24, :32], scene.image)
    np.testing.assert_array_equal(pixels[top : top + 24, 64:96], pixels[top : top + 24, 96:])


def test_networks_of_different_classes_are_not_shown_beside_each_other(trained):
    with pytest.raises(UsageError, match="'segfast-streets' knows other classes than 'run'; show"):
        load_predictors([trained, Path("segfast-streets")])


def test_the_network_that_comes_along_knows_streets_better_than_any_rule_of_colours():
    """The best rule from colours alone reaches an mIoU of 0.244 (studies/color_rule.py)."""
    [predictor] = load_predictors([Path("segfast-streets")])
    count, seen = read_scenes("streets", "val", None)
    confusion = ConfusionMatrix(len(predictor.classes))
    for scene in itertools.islice(seen, 0, count, 10):
        confusion.add(scene.label, predictor.predict(scene.image))
    assert confusion.quality("strict").miou > 0.5
    assert predictor.checkpoint.stat().st_size < 1.3e6


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(
        DataError, match=r"^no pictures in .*; name a picture, or a folder of some$"
    ):
        pictures(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name either a picture or folder, or a dataset with --dataset"),
        (("rooms/val/images", "--dataset", "rooms"), "name either a picture or folder, or a"),
        (("drive.mp4", "--beside", "segfast-streets"), "a video is shown for one network; leave"),
        (("nowhere.png",), "cannot read image 'nowhere.png': no such file or directory"),
        (("rooms/classes.csv",), "cannot read image 'rooms/classes.csv': no picture that Pillow"),
    ],
)
def test_what_cannot_be_predicted_is_one_line(trained, rooms, arguments, words):
    done = segbench_here("predict", str(trained), *arguments, folder=rooms.parent)
    assert done.returncode == 2
    assert done.stderr == f"segbench: {done.stderr.removeprefix('segbench: ')}"
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
