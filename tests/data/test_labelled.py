"""Labels that lack classes, or have nothing but void: said by a check, and before training."""

import json

import numpy as np
import pytest
from PIL import Image
from small_copies import plane, write_image, write_indices

SIZE = "32x32"


@pytest.fixture
def house(tmp_path):
    """Return a function that writes labels of a split, and the classes floor, wall and door."""
    home = tmp_path / "house"
    home.mkdir()
    (home / "classes.csv").write_text("name\nfloor\nwall\ndoor\n")

    def write(split, *labels):
        for number, values in enumerate(labels):
            write_image(home / split / "images" / f"{number}.png")
            write_indices(home / split / "labels" / f"{number}.png", plane(*values))
        return home

    return write


@pytest.fixture
def checked(here, tmp_path):
    def run():
        target = tmp_path / "found.json"
        target.unlink(missing_ok=True)
        code, out, _ = here("data", "check", "house", "--output", str(target))
        found = json.loads(target.read_text())
        return code, out.splitlines()[0], found["problems"], found["remarks"]

    return run


@pytest.fixture
def trained(command, tmp_path):
    """Return a function that trains in a process of its own, where warnings are printed."""

    def run(*options):
        done = command(
            *("train", "segfast", "--dataset", "house", "--epochs", "1", "--size", SIZE),
            *("--batch", "2", "--out", "run", *options),
            folder=tmp_path,
        )
        lines = [line for line in done.stderr.splitlines() if "'house'" in line]
        return done.returncode, done.stdout, lines

    return run


def void_alone(split):
    return (
        f"split {split!r} of dataset 'house' has no labelled pixel, all are void; label some, or "
        "see what its labels hold: segbench data show"
    )


@pytest.mark.parametrize("protocol", ["strict", "void-as-class"])
def test_a_validation_split_of_void_alone_is_a_problem_and_not_trained_with(
    house, checked, trained, tmp_path, protocol
):
    house("train", (0, 1, 2), (2, 1, 0))
    house("val", (255,), (255,))
    assert checked() == (5, "house: 4 scenes, 1 problem", [void_alone("val")], [])
    code, out, said = trained("--protocol", protocol)
    assert (code, out, said) == (2, "", [f"segbench: {void_alone('val')}"])
    assert not (tmp_path / "run").exists()


def test_a_training_split_of_void_alone_is_refused_too(house, checked, trained):
    house("train", (255,), (255,))
    house("val", (0, 1, 2))
    assert checked()[2:] == ([void_alone("train")], [])
    code, _, said = trained()
    assert (code, said) == (2, [f"segbench: {void_alone('train')}"])


def test_a_class_that_no_label_has_is_said(house, checked, trained):
    house("train", (0, 2), (2, 0))
    house("val", (0, 255), (2,))
    code, headline, problems, remarks = checked()
    assert (code, headline) == (0, "house: 4 scenes, 1 remark")
    assert (problems, remarks) == ([], ["no label has the class 'wall'"])
    code, _, said = trained()
    assert code == 0
    [line] = said
    assert line == (
        "segbench: no label of split 'train' of dataset 'house' has the class 'wall' at "
        "32x32, which cannot be learnt from it"
    )


def test_a_class_that_one_split_has_is_nothing_to_be_said(house, checked):
    house("train", (0, 1))
    house("val", (2,))
    assert checked() == (0, "house: 2 scenes, nothing wrong", [], [])


MASKS = (
    "the labels of dataset 'house' have the class 'floor' and void alone, as masks of 0 and 255 "
    "have, for 255 is void; if it is a class, give classes.csv a column 'value' with the number of "
    "each class"
)


def test_masks_of_0_and_255_are_a_problem_until_the_class_file_says_what_255_is(
    house, checked, trained
):
    home = house("train", (0, 255), (255, 0))
    house("val", (0, 255), (0,))
    (home / "classes.csv").write_text("name\nfloor\nwall\n")
    assert checked() == (5, "house: 4 scenes, 1 problem", [MASKS], [])
    code, _, said = trained()
    assert (code, said) == (0, [f"segbench: {MASKS}"])
    (home / "classes.csv").write_text("name,value\nfloor,0\nwall,255\n")
    assert checked() == (0, "house: 4 scenes, nothing wrong", [], [])
    assert trained("--out", "other")[::2] == (0, [])


def test_a_single_class_is_said(house, checked):
    home = house("train", (0, 255))
    house("val", (0,))
    (home / "classes.csv").write_text("name\nfloor\n")
    assert checked() == (
        0, "house: 2 scenes, 1 remark", [],
        ["there is a single class, 'floor', which leaves nothing to tell apart"],
    )  # fmt: skip


def test_labels_that_differ_in_form_are_one_line_of_training(house, trained):
    home = house("train", (0, 1, 2), (2, 1, 0))
    house("val", (0, 1), (2,))
    Image.fromarray(np.asarray(plane(2, 1), np.uint16)).save(home / "train/labels/1.png")
    code, _, said = trained()
    assert code == 0
    [line] = said
    assert line == (
        "segbench: dataset 'house': the labels differ in form, and each is read by its "
        "own: 1 in 16 bits of grey (I;16), 1 in shades of grey (L)"
    )
