"""``segbench data`` as a user runs it: findings, pictures, exit codes."""

import json

import numpy as np
import pytest
from commands import segbench_here
from PIL import Image
from small_copies import plane, write_image, write_indices

from segbench.data.dataset_check import check_dataset
from segbench.data.folder import open_folder
from segbench.data.registry import DATASETS


def segbench(*arguments, folder):
    return segbench_here("data", *arguments, folder=folder)


@pytest.fixture
def flat(tmp_path):
    """Two scenes of training, one of validation; a quarter of the first label is void."""
    home = tmp_path / "rooms"
    home.mkdir()
    (home / "classes.csv").write_text("name,red,green,blue\nfloor,10,20,30\nwall,200,0,0\n")
    values = np.repeat([[0, 0, 1, 255]], 4, axis=0)
    for name, label in (("a", values), ("b", np.ones((4, 4)))):
        write_image(home / "train/images" / f"{name}.png", size=(4, 4))
        write_indices(home / "train/labels" / f"{name}.png", label)
    write_image(home / "val/images/c.png")
    write_indices(home / "val/labels/c.png", plane(0))
    return home


def ignore(*_):
    pass


def test_a_check_counts_scenes_sizes_and_the_pixels_of_each_class(flat):
    seen = []
    found = check_dataset(open_folder(flat), progress=lambda *step: seen.append(step))
    train, val = found.splits
    assert (train.scenes, train.sizes, train.pixels, train.void_pixels) == (
        2, {"4x4": 2}, {"floor": 8, "wall": 4 + 16}, 4,
    )  # fmt: skip
    assert (val.scenes, val.sizes, val.pixels, val.void_pixels) == (
        1, {"4x6": 1}, {"floor": 24, "wall": 0}, 0,
    )  # fmt: skip
    assert found.problems == ()
    assert seen == [("reading train", 1, 3), ("reading train", 2, 3), ("reading val", 3, 3)]


def damage(flat):
    """Damage a copy in five ways, each of which is found."""
    (flat / "train/images/a.png").write_bytes((flat / "train/images/a.png").read_bytes()[:45])
    (flat / "train/labels/b.png").write_text("not a picture")
    write_image(flat / "val/images/d.png")
    write_indices(flat / "val/labels/e.png", plane(0))
    write_indices(flat / "val/labels/c.png", plane(2))


def test_all_that_is_wrong_is_found_and_the_rest_still_counted(flat):
    damage(flat)
    found = check_dataset(open_folder(flat), progress=ignore)
    assert [problem.split(": ")[0].split(" has ")[0] for problem in found.problems] == [
        str(flat / "val/images/d.png"),
        str(flat / "val/labels/e.png"),
        f"cannot read image {str(flat / 'train/images/a.png')!r}",
        f"cannot read label {str(flat / 'train/labels/b.png')!r}",
        f"label {str(flat / 'val/labels/c.png')!r}",
    ]
    assert [split.scenes for split in found.splits] == [2, 1]
    assert [split.sizes for split in found.splits] == [{}, {}]


def test_a_whole_copy_exits_0_and_can_be_drawn_in_every_format(flat):
    outputs = ("--output", "found.json", "--output", "found.csv", "--output", "found.md")
    done = segbench("check", "rooms", *outputs, folder=flat.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("rooms: 3 scenes, nothing wrong\n")
    saved = json.loads((flat.parent / "found.json").read_text())
    assert saved["schema"] == "segbench/data/1"
    rows = (flat.parent / "found.csv").read_text().splitlines()
    assert rows[:4] == [
        "dataset,split,class,pixels", "rooms,train,floor,8", "rooms,train,wall,20",
        "rooms,train,void,4",
    ]  # fmt: skip
    assert "| 0 | floor |" in (flat.parent / "found.md").read_text()


def test_a_damaged_copy_exits_5_and_names_what_is_wrong(flat):
    damage(flat)
    done = segbench("check", "rooms", folder=flat.parent)
    assert done.returncode == 5
    assert done.stdout.startswith("rooms: 3 scenes, 5 problems\n")
    assert "Traceback" not in done.stderr
    assert done.stdout.count("! ") == 5


def test_a_contact_sheet_shows_images_beside_their_labels(flat):
    done = segbench("show", "rooms", "--output", "sheet.png", folder=flat.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "rooms, train: 2 of 2 scenes, in sheet.png\n"
    sheet = np.asarray(Image.open(flat.parent / "sheet.png").convert("RGB"))
    # 0.45 of the image's grey of 100, and 0.55 of the colour of a wall
    off = np.abs(sheet.astype(int) - [0.45 * 100 + 0.55 * 200, 45, 45]).max(axis=-1)
    assert (off <= 1).sum() > 10_000
    again = segbench("show", "rooms", "--output", "sheet.png", folder=flat.parent)
    assert again.returncode == 2
    assert again.stderr == (
        "segbench: 'sheet.png' exists already; choose another name or add --force\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "roms"), "unknown dataset 'roms'"),
        (("check", "camvid", "--data-root", "."), "no CamVid in '.'"),
        (("check", "camvid", "--data-root", "nowhere"), "data root 'nowhere' (--data-root)"),
        (("show", "rooms", "--split", "dev", "--output", "a.png"), "has no split 'dev'"),
        (("show", "rooms", "--output", "a.xyz"), "no format for pictures"),
        (("show", "rooms", "--output", "no/a.png"), "folder 'no' does not exist"),
        (("show", "rooms", "--scenes", "0", "--output", "a.png"), "'--scenes'"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(flat, arguments, words):
    done = segbench(*arguments, folder=flat.parent)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(flat.parent.glob("a.*"))


def test_the_list_has_every_dataset_and_where_there_is_a_copy(tmp_path):
    write_image(tmp_path / "camvid/train/a.png")
    write_indices(tmp_path / "camvid/trainannot/a.png", plane(0))
    done = segbench("list", "--data-root", str(tmp_path), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()[2:10]]
    assert [line[0] for line in lines] == list(DATASETS)
    found = {line[0]: " ".join(line[5:]) for line in lines}
    assert found["camvid"] == "SegNet tutorial"
    assert found["streets"] == "built in"
    assert found["bdd"] == "-"
