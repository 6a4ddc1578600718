"""What every dataset must do; a test class inherits it and says in a fixture which dataset.

    class TestMine(DatasetContract):
        @pytest.fixture
        def dataset(self):
            return open_dataset("mypkg.data:opener")

A few scenes are enough; all of them are read.
"""

from functools import partial

import numpy as np
import pytest

from segbench.data.cache import load_split
from segbench.data.dataset_check import check_dataset
from segbench.data.scenes import VOID, Dataset, LabelClass, Scene, read_scene

SIZE = (5, 7)


def ignore(*_):
    pass


class DatasetContract:
    @pytest.fixture
    def dataset(self):
        raise NotImplementedError("open a dataset: a fixture `dataset`")

    @pytest.fixture
    def scenes(self, dataset):
        return [scene for scenes in dataset.splits.values() for scene in scenes]

    def test_is_a_dataset_with_a_name_and_what_was_found(self, dataset):
        assert isinstance(dataset, Dataset)
        assert dataset.name
        assert dataset.layout

    def test_classes_have_names_that_differ_and_colours(self, dataset):
        assert all(isinstance(each, LabelClass) for each in dataset.classes)
        names = [each.name for each in dataset.classes]
        assert 0 < len(names) == len(set(names)) <= VOID
        assert all(level in range(256) for each in dataset.classes for level in each.color)

    def test_scenes_of_a_split_have_names_and_fingerprints_that_differ(self, dataset, scenes):
        assert scenes
        assert all(isinstance(scene, Scene) for scene in scenes)
        for split in dataset.splits.values():
            assert len({scene.name for scene in split}) == len(split)
            assert len({scene.fingerprint for scene in split}) == len(split)

    def test_images_are_red_green_and_blue_and_labels_are_classes_or_void(self, dataset, scenes):
        for scene in scenes:
            image, label = read_scene(scene)
            assert (image.dtype, label.dtype) == (np.uint8, np.uint8)
            assert image.shape == (*label.shape, 3)
            assert set(np.unique(label)) <= {*range(len(dataset.classes)), VOID}

    def test_a_scene_is_the_same_whenever_it_is_read(self, scenes):
        for scene in scenes:
            before = scene.fingerprint
            for first, second in zip(read_scene(scene), read_scene(scene), strict=True):
                np.testing.assert_array_equal(first, second)
            assert scene.fingerprint == before

    def test_a_split_is_decoded_once_into_arrays_of_one_size(self, dataset, tmp_path):
        told = []
        decode = partial(
            load_split, size=SIZE, root=tmp_path, progress=lambda *each: told.append(each)
        )
        for split in (split for split, scenes in dataset.splits.items() if scenes):
            decode(dataset, split)
            assert told
            told.clear()
            arrays = decode(dataset, split)
            assert told == []  # it was mapped
            count = len(dataset.splits[split])
            assert arrays.names == tuple(scene.name for scene in dataset.splits[split])
            assert arrays.images.shape == (count, *SIZE, 3)
            assert arrays.labels.shape == (count, *SIZE)

    def test_a_check_finds_nothing_wrong_with_it(self, dataset):
        found = check_dataset(dataset, progress=ignore)
        assert found.problems == ()
        pixels = sum(sum(split.pixels.values()) + split.void_pixels for split in found.splits)
        scenes = [scene for scenes in dataset.splits.values() for scene in scenes]
        assert pixels == sum(scene.label().size for scene in scenes)
