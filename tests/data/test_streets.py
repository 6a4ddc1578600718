"""The drawn scenes: the same from the same seed, whole, and not to be told by colour alone."""

import numpy as np
import pytest

from segbench.data.streets import CLASSES, draw, open_streets

SCENES = range(24)


@pytest.fixture(scope="module")
def scenes():
    return [draw("train", number) for number in SCENES]


def test_a_scene_is_the_same_whenever_it_is_drawn(scenes):
    draw.cache_clear()
    image, label = draw("train", 3)
    np.testing.assert_array_equal(image, scenes[3][0])
    np.testing.assert_array_equal(label, scenes[3][1])


def test_scenes_differ_within_and_between_splits():
    drawn = [draw(split, number)[0] for split in ("train", "val", "test") for number in (0, 1)]
    for position, image in enumerate(drawn):
        assert not any(np.array_equal(image, other) for other in drawn[:position])


def test_images_and_labels_have_the_same_size_and_known_classes(scenes):
    for image, label in scenes:
        assert image.shape == (360, 480, 3)
        assert image.dtype == label.dtype == np.uint8
        assert label.shape == (360, 480)
        assert label.max() < len(CLASSES)


def test_every_class_is_seen_in_some_scene_and_none_fills_them_all(scenes):
    shares = np.bincount(
        np.concatenate([label.ravel() for _, label in scenes]), minlength=len(CLASSES)
    ) / (len(scenes) * 360 * 480)
    assert np.all(shares > 0.0005), dict(zip((c.name for c in CLASSES), shares, strict=True))
    assert shares.max() < 0.5


def test_a_colour_says_little_of_the_class(scenes):
    """The best that any rule from colours of 4 bits a channel could do on its own scenes."""
    counts = np.zeros((16**3, len(CLASSES)))
    for image, label in scenes:
        bins = image.astype(int) // 16
        codes = bins[..., 0] * 256 + bins[..., 1] * 16 + bins[..., 2]
        np.add.at(counts, (codes.ravel(), label.ravel()), 1)
    guessed = counts.argmax(axis=1)
    confusion = np.zeros((len(CLASSES), len(CLASSES)))
    for color, row in enumerate(counts):
        confusion[:, guessed[color]] += row
    hits = np.diag(confusion)
    iou = hits / np.maximum(confusion.sum(0) + confusion.sum(1) - hits, 1)
    assert iou.mean() < 0.35


def test_the_dataset_names_its_scenes_by_split_and_number():
    dataset = open_streets()
    assert dataset.splits["val"][7].name == "val-0007"
    assert dataset.splits["test"][0].image().shape == (360, 480, 3)
