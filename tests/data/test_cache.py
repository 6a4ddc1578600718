"""Decoding once: right pixels, one name for one content, safe when killed or run twice."""

import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from small_copies import plane, write_image, write_indices

from segbench.data.cache import cache_root, load_split
from segbench.data.errors import DataError
from segbench.data.folder import open_folder
from segbench.errors import WriteError

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


@pytest.mark.parametrize(
    ("before", "after", "first", "second"),
    [
        # which row void is in, and which number or colour a class has, though its name is the same
        ("name\nvoid\na\nb\n", "name\na\nvoid\nb\n", [255, 0, 1], [0, 255, 1]),
        ("name,value\na,1\nb,0\nvoid,2\n", "name,value\na,0\nb,2\nvoid,1\n",
         [1, 0, 255], [0, 255, 1]),
        ("name,red,green,blue\na,0,0,0\nb,1,1,1\nvoid,2,2,2\n",
         "name,red,green,blue\na,1,1,1\nb,0,0,0\nvoid,2,2,2\n", [0, 1, 255], [1, 0, 255]),
    ],
)  # fmt: skip
def test_a_class_file_that_reads_labels_otherwise_makes_another_cache(
    tmp_path, before, after, first, second
):
    home = tmp_path / "rooms"
    write_image(home / "train/images/a.png")
    values = plane(0, 1, 2)
    write_indices(home / "train/labels/a.png", values)
    if "red" in before:
        Image.fromarray(np.stack([values.astype(np.uint8)] * 3, -1)).save(
            home / "train/labels/a.png"
        )
    for text, wanted in ((before, first), (after, second)):
        (home / "classes.csv").write_text(text)
        assert load(home, tmp_path).labels[0].ravel()[:3].tolist() == wanted


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
from segbench.errors import WriteError
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
    with pytest.raises(WriteError) as caught:
        load(numbered, tmp_path)
    assert str(caught.value) == (
        f"cannot keep decoded images in {str(tmp_path / 'cache')!r}: no space left on device; "
        "name another folder with SEGBENCH_CACHE"
    )
    assert not [each for each in (tmp_path / "cache").iterdir() if each.is_dir()]


def saved(array, **options):
    return lambda path: np.save(path, array, **options)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def remove(path):
    path.unlink()


def become_a_folder(path):
    path.unlink()
    path.mkdir()


def write(content):
    return lambda path: path.write_bytes(content)


def zipped(path):
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("a.npy", "no array")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("images.npy", write(b"")),
        ("images.npy", cut),
        ("images.npy", remove),
        ("images.npy", become_a_folder),
        ("images.npy", zipped),
        ("images.npy", write(b"\x93NUMPY\x01\0\xff\xff{")),
        ("images.npy", write(b"\x93NUMPY\x09\0")),
        ("images.npy", write(pickle.dumps([1, 2]))),
        ("images.npy", saved(np.array([{}, []], object), allow_pickle=True)),
        ("images.npy", saved(np.zeros((COUNT, 4, 6, 3), np.float32))),
        ("images.npy", saved(np.zeros((COUNT, 6, 4, 3), np.uint8))),
        ("images.npy", saved(np.asfortranarray(np.zeros((COUNT, 4, 6, 3), np.uint8)))),
        ("labels.npy", write(b"")),
        ("labels.npy", saved(np.zeros((COUNT - 1, 4, 6), np.uint8))),
        ("labels.npy", saved(np.zeros((COUNT, 4, 6), np.int8))),
        ("about.json", write(b"")),
        ("about.json", write(b"{")),
        ("about.json", write(b"[" * 100_000)),
        ("about.json", write(b'{"names": 3}')),
        ("about.json", write(b'{"names": ["0"]}')),
        ("about.json", write(b"\xff")),
        ("about.json", remove),
    ],
)
def test_a_cache_that_was_damaged_is_decoded_anew(numbered, tmp_path, name, damage):
    load(numbered, tmp_path)
    [folder] = [each for each in (tmp_path / "cache").iterdir() if each.is_dir()]
    damage(folder / name)
    seen = []
    arrays = load(numbered, tmp_path, seen=seen)
    assert seen == [("decoding train", done, COUNT) for done in range(1, COUNT + 1)]
    assert arrays.names == tuple(map(str, range(COUNT)))
    assert [int(image[0, 0, 0]) for image in arrays.images] == [10 * n for n in range(COUNT)]
    assert arrays.labels.shape == (COUNT, 4, 6)
    load(numbered, tmp_path, seen=seen)
    assert len(seen) == COUNT  # and this one is whole


@pytest.mark.parametrize("name", ["cache", "cache/what"])
def test_a_place_where_no_cache_can_be_is_one_line(numbered, tmp_path, name):
    (tmp_path / "cache").write_text("no folder")
    with pytest.raises(DataError) as caught:
        load_split(
            open_folder(numbered),
            "train",
            size=(4, 6),
            progress=lambda *_: None,
            root=tmp_path / name,
        )
    reason = "file exists" if name == "cache" else "not a directory"
    assert str(caught.value) == (
        f"cannot keep decoded images in {str(tmp_path / name)!r}: {reason}; name another folder "
        "with SEGBENCH_CACHE"
    )


def test_names_of_files_need_not_be_text(numbered, tmp_path):
    for kind in ("images", "labels"):
        (numbered / "train" / kind / "0.png").rename(numbered / "train" / kind / "\udcff.png")
    seen = []
    for _ in range(2):
        assert load(numbered, tmp_path, seen=seen).names == ("1", "2", "3", "4", "5", "\udcff")
    assert len(seen) == COUNT


def test_a_folder_whose_name_is_a_pattern_is_cleared_of_what_a_killed_process_left(
    numbered, tmp_path
):
    home = numbered.rename(tmp_path / "rooms[1]")
    load(home, tmp_path)
    [folder] = [each for each in (tmp_path / "cache").iterdir() if each.is_dir()]
    stale = folder.with_name(f".{folder.name}.abcdefgh")
    folder.rename(stale)
    load(home, tmp_path)
    assert [each for each in (tmp_path / "cache").iterdir() if each.is_dir()] == [folder]


def test_the_cache_is_where_one_says(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBENCH_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    assert cache_root(tmp_path / "other") == tmp_path / "other"
