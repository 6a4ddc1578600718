"""Decoding once: right pixels, one name for one content, safe when killed or run twice."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from small_copies import plane, write_image, write_indices

from segbench.data.cache import cache_root, load_split
from segbench.data.errors import DataError
from segbench.data.folder import open_folder

COUNT = 6


@pytest.fixture
def numbered(tmp_path):
    home = tmp_path / "rooms"
    home.mkdir()
    (home / "classes.csv").write_text("name\nfloor\nwall\n")
    for number in range(COUNT):
        write_image(home / "train/images" / f"{number}.png", level=10 * number)
        write_indices(home / "train/labels" / f"{number}.png", plane(1, 0, 255, number % 2))
    return home


def load(home, tmp_path, *, size=(4, 6), seen=None):
    def progress(*step):
        if seen is not None:
            seen.append(step)

    return load_split(
        open_folder(home), "train", size=size, progress=progress, root=tmp_path / "cache"
    )


def test_arrays_hold_every_scene_in_order(numbered, tmp_path):
    arrays = load(numbered, tmp_path)
    assert arrays.names == tuple(map(str, range(COUNT)))
    assert arrays.images.shape == (COUNT, 4, 6, 3)
    assert [int(image[0, 0, 0]) for image in arrays.images] == [10 * n for n in range(COUNT)]
    scenes = open_folder(numbered).splits["train"]
    for scene, label in zip(scenes, arrays.labels, strict=True):
        np.testing.assert_array_equal(label, scene.label())


def test_images_are_resized_bilinearly_and_labels_to_the_nearest_pixel(tmp_path):
    home = tmp_path / "steps"
    home.mkdir()
    (home / "classes.csv").write_text("name\na\nb\n")
    (home / "train/images").mkdir(parents=True)
    values = np.repeat(np.array([[0, 0, 200, 200]], np.uint8), 4, axis=0)
    Image.fromarray(np.stack([values] * 3, axis=-1)).save(home / "train/images/a.png")
    write_indices(home / "train/labels/a.png", values // 200)
    arrays = load(home, tmp_path, size=(8, 8))
    assert set(np.unique(arrays.labels)) == {0, 1}  # never between two classes
    row = arrays.images[0, 0, :, 0]
    # Twice as wide, pixel 3 lies a quarter of the way from the second column to the third.
    assert row.tolist() == [0, 0, 0, 50, 150, 200, 200, 200]


def test_what_was_decoded_is_not_decoded_again(numbered, tmp_path):
    first, again = [], []
    load(numbered, tmp_path, seen=first)
    arrays = load(numbered, tmp_path, seen=again)
    assert first == [("decoding train", done, COUNT) for done in range(1, COUNT + 1)]
    assert again == []
    assert arrays.images.flags.writeable is False


def test_another_size_another_file_or_another_class_is_another_cache(numbered, tmp_path):
    folders = []
    for change in (
        lambda: None,
        lambda: write_image(numbered / "train/images/0.png", level=99),
        lambda: (numbered / "classes.csv").write_text("name\nfloor\nceiling\n"),
    ):
        change()
        load(numbered, tmp_path)
        folders.append({each.name for each in (tmp_path / "cache").iterdir() if each.is_dir()})
    load(numbered, tmp_path, size=(2, 3))
    folders.append({each.name for each in (tmp_path / "cache").iterdir() if each.is_dir()})
    assert [len(names) for names in folders] == [1, 2, 3, 4]
    assert int(load(numbered, tmp_path).images[0, 0, 0, 0]) == 99


def test_two_at_once_decode_once(numbered, tmp_path):
    seen = [], []
    with ThreadPoolExecutor(2) as pool:
        arrays = list(pool.map(lambda steps: load(numbered, tmp_path, seen=steps), seen))
    assert sorted(map(len, seen)) == [0, COUNT]
    np.testing.assert_array_equal(arrays[0].images, arrays[1].images)


SLOW = """
import sys, time
from pathlib import Path
from segbench.data.cache import load_split
from segbench.data.folder import open_folder
def wait(*step):
    print(*step, flush=True)
    time.sleep(60)
home, root = map(Path, sys.argv[1:])
load_split(open_folder(home), "train", size=(4, 6), progress=wait, root=root)
"""


def test_a_killed_process_leaves_nothing_that_passes_for_finished(numbered, tmp_path):
    running = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(numbered), str(tmp_path / "cache")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout.readline().startswith("decoding")
    running.send_signal(signal.SIGKILL)
    running.communicate()
    began = time.monotonic()
    arrays = load(numbered, tmp_path)
    assert time.monotonic() - began < 30  # nobody waits for the lock of the dead
    assert len(arrays.names) == COUNT
    assert [int(image[0, 0, 0]) for image in arrays.images] == [10 * n for n in range(COUNT)]
    assert not list((tmp_path / "cache").glob(".*.*"))  # what it left is cleared away


def test_a_scene_that_cannot_be_read_leaves_no_cache(numbered, tmp_path):
    (numbered / "train/labels/3.png").write_text("no picture")
    with pytest.raises(DataError, match="no picture that Pillow reads"):
        load(numbered, tmp_path)
    assert not [each for each in (tmp_path / "cache").iterdir() if each.is_dir()]


def test_a_full_disk_is_one_line_and_leaves_nothing(numbered, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError) as caught:
        load(numbered, tmp_path)
    assert str(caught.value) == (
        f"cannot keep decoded images in {str(tmp_path / 'cache')!r}: no space left on device; "
        "name another folder with SEGBENCH_CACHE"
    )
    assert not [each for each in (tmp_path / "cache").iterdir() if each.is_dir()]


def test_the_cache_is_where_one_says(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBENCH_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    assert cache_root(tmp_path / "other") == tmp_path / "other"
