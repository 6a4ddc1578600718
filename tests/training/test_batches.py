"""Batches: every scene once, in an order that the seed gives, normalised by hand."""

import numpy as np
import pytest
import torch

from segbench.data.cache import Arrays
from segbench.data.scenes import VOID
from segbench.training.allocator import steady_environment
from segbench.training.batches import batches, order_of

CPU = torch.device("cpu")


def make_arrays(count):
    levels = np.arange(count, dtype=np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (count, 2, 3, 3)).copy()
    labels = np.broadcast_to(levels[:, None, None], (count, 2, 3)).copy()
    labels[:, 0, 0] = VOID
    return Arrays(tuple(map(str, levels)), images, labels)


def test_an_epoch_has_every_scene_once():
    arrays = make_arrays(10)
    order = order_of(10, seed=3, epoch=2)
    seen = [
        int(label[1, 1])
        for _, labels in batches(arrays, order, size=4, void=VOID, device=CPU)
        for label in labels
    ]
    assert sorted(seen) == list(range(10))
    assert [len(labels) for _, labels in batches(arrays, order, size=4, void=VOID, device=CPU)] == [
        4, 4, 2,
    ]  # fmt: skip


@pytest.mark.parametrize("devices", [2, 3])
def test_devices_share_every_batch_and_each_gets_something(devices):
    arrays, order = make_arrays(10), order_of(10, seed=3, epoch=2)
    shares = [
        [
            [int(label[1, 1]) for label in labels]
            for _, labels in batches(
                arrays, order, size=4, void=VOID, device=CPU, part=(rank, devices)
            )
        ]
        for rank in range(devices)
    ]
    for number, start in enumerate((0, 4, 8)):
        whole = sorted(order[start : start + 4].tolist())
        parts = [share[number] for share in shares]
        assert all(parts)
        given = [scene for part in parts for scene in part]
        assert set(given) == set(whole)
        assert len(given) == max(len(whole), devices)  # one again, if there are too few


def test_orders_differ_by_epoch_and_seed_and_not_otherwise():
    orders = {(s, e): tuple(order_of(20, seed=s, epoch=e)) for s in (0, 1) for e in (1, 2)}
    assert len(set(orders.values())) == 4
    assert tuple(order_of(20, seed=0, epoch=1)) == orders[0, 1]


def test_images_are_normalised_channel_by_channel_and_stay_with_their_labels():
    arrays = make_arrays(3)
    [(images, labels)] = batches(arrays, np.array([2, 0]), size=4, void=7, device=CPU)
    # levels 0 and 2 of 255, by the mean and deviation of ImageNet's red
    red = images[:, 0, 0, 0].tolist()
    assert red == pytest.approx([(0 - 0.485) / 0.229, (2 / 255 - 0.485) / 0.229], abs=1e-6)
    blue = float(images[1, 2, 0, 0])
    assert blue == pytest.approx((2 / 255 - 0.406) / 0.225, abs=1e-6)
    assert images.shape == (2, 3, 2, 3)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert labels[:, 1, 1].tolist() == [0, 2]
    assert labels[:, 0, 0].tolist() == [7, 7]  # what void is learnt as
    assert labels.dtype == torch.int64


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_ARENA_MAX"])
def test_an_allocator_that_the_user_has_set_is_left_alone(name):
    assert steady_environment({name: "1"}) is None


def test_a_process_is_started_anew_once():
    environment = steady_environment({"HOME": "/home/a"})
    assert environment["HOME"] == "/home/a"
    assert environment["MALLOC_MMAP_MAX_"] == "0"
    assert steady_environment(environment) is None
