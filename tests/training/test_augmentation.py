"""What augmentation does to images and labels together, on pictures where it can be seen."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from segbench.data.scenes import VOID
from segbench.training.augmentation import augmented, class_weights
from segbench.training.recipes import find_recipe

PLAIN = find_recipe("paper")
FLIP = find_recipe("paper+flip")
LIGHT = find_recipe("paper+light")


def make_batch(count=64, size=(12, 16)):
    """Return images whose three channels are their labels, and labels of 0, 1 and 2."""
    ids = torch.arange(size[0] * size[1]).reshape(size) % 3
    labels = ids.repeat(count, 1, 1)
    images = labels[:, None].float().repeat(1, 3, 1, 1)
    return images.contiguous(memory_format=torch.channels_last), labels


def rng(seed=0):
    return np.random.default_rng(seed)


def test_a_recipe_without_it_changes_nothing():
    images, labels = make_batch()
    same_images, same_labels = augmented(images, labels, PLAIN, rng())
    assert same_images is images
    assert same_labels is labels


def test_half_of_the_images_are_mirrored_with_their_labels_and_the_others_stay():
    images, labels = make_batch(200)
    found_images, found_labels = augmented(images, labels, FLIP, rng())
    mirrored = [
        not torch.equal(found, label) for found, label in zip(found_labels, labels, strict=True)
    ]
    assert 70 <= sum(mirrored) <= 130  # of 200 draws; the deviation is 7.1
    for is_mirrored, image, label in zip(mirrored, found_images, found_labels, strict=True):
        flipped = (lambda tensor: tensor.flip(-1)) if is_mirrored else (lambda tensor: tensor)
        torch.testing.assert_close(image, flipped(images[0]), atol=1e-5, rtol=0)
        assert torch.equal(label, flipped(labels[0]))


@pytest.mark.parametrize("factor", [2.0, 3.0])
def test_an_enlarged_image_shows_a_part_of_it_at_that_factor(factor):
    # An image whose pixels say where they are: rows in the first channel, columns in the second.
    height, width = 24, 36
    rows = torch.arange(height).float()[:, None].expand(height, width)
    columns = torch.arange(width).float()[None].expand(height, width)
    images = torch.stack([rows, columns, rows])[None].repeat(20, 1, 1, 1)
    labels = rows.long()[None].repeat(20, 1, 1)
    recipe = replace(PLAIN, zoom=(factor, factor))
    found, ids = augmented(images, labels, recipe, rng())
    inside = found[:, :, 4:-4, 4:-4]  # off the edges, where there is nothing to interpolate with
    assert torch.allclose(inside[:, 0].diff(dim=1), torch.tensor(1 / factor), atol=1e-4)
    assert torch.allclose(inside[:, 1].diff(dim=2), torch.tensor(1 / factor), atol=1e-4)
    # Nearest labels are at most half a row from where the image is.
    assert ((ids[:, 4:-4, 4:-4] - inside[:, 0]).abs() <= 0.5 + 1e-4).all()
    assert (ids != VOID).all()
    assert len({float(image[1, 12, 18]) for image in found}) == 20  # each is cut elsewhere


def test_around_a_reduced_image_there_is_the_mean_and_nothing_to_learn():
    images, labels = make_batch(8, (20, 20))
    images += 5
    found, ids = augmented(images, labels, replace(PLAIN, zoom=(0.5, 0.5)), rng())
    shown = ids != VOID
    assert shown.float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert found[:, 0][shown].min() > 2
    rim = torch.nn.functional.max_pool2d(shown.float()[:, None], 3, 1, 1)[:, 0] == 0
    assert found.permute(0, 2, 3, 1)[rim].abs().max() == 0


def test_void_stays_void_whatever_it_is_learnt_as():
    images, labels = make_batch(4)
    everywhere = torch.full_like(labels, VOID)
    recipe = replace(FLIP, zoom=(0.5, 2.0))
    assert (augmented(images, everywhere, recipe, rng())[1] == VOID).all()


def test_light_changes_each_image_by_itself_and_no_label():
    images, labels = make_batch(16)
    found, ids = augmented(images, labels, LIGHT, rng())
    assert ids is labels
    assert len({float(image.mean()) for image in found}) == 16
    # A grey image stays grey, and what was lighter stays lighter.
    torch.testing.assert_close(found[:, 0], found[:, 2])
    for image, label in zip(found[:, 0], labels, strict=True):
        assert image[label == 0].max() < image[label == 1].min() < image[label == 2].min()
    # Contrast is within 30 %, and so is brightness, in units of the deviation.
    contrast = found[:, 0].std(dim=(1, 2)) / images[:, 0].std(dim=(1, 2))
    assert 0.7 <= contrast.min() < contrast.max() <= 1.3
    assert (found.mean(dim=(1, 2, 3)) - images.mean(dim=(1, 2, 3))).abs().max() <= 0.3


def test_the_same_random_numbers_give_the_same_batch():
    recipe = find_recipe("paper+flip+zoom+light")
    first, second, other = (augmented(*make_batch(), recipe, rng(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_batch_keeps_its_memory_format():
    recipe = find_recipe("paper+flip+zoom+light")
    images, _ = augmented(*make_batch(), recipe, rng())
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_rare_classes_weigh_more_by_the_power_that_is_asked_for():
    labels = np.array([[0] * 8 + [1] * 4 + [2] * 2 + [VOID] * 16], dtype=np.uint8)
    # 8, 4 and 2 pixels: the median is 4.
    assert class_weights(labels, 3, void=VOID, power=1.0).tolist() == [0.5, 1.0, 2.0]
    found = class_weights(labels, 3, void=VOID, power=0.5).tolist()
    assert found == pytest.approx([0.5**0.5, 1.0, 2**0.5])


def test_void_is_weighed_where_it_is_learnt_and_classes_never_seen_are_not():
    labels = np.array([[0] * 9 + [2] * 4 + [VOID] * 1], dtype=np.uint8)
    found = class_weights(labels, 4, void=3, power=1.0).tolist()
    assert found == pytest.approx([4 / 9, 1.0, 1.0, 4.0])
