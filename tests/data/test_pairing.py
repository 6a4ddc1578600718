"""Images paired with labels by names as other systems and languages write them, or said."""

import os
import unicodedata

import pytest
from small_copies import plane, write_image, write_indices

from segbench.data.camvid import open_camvid
from segbench.data.errors import DataError
from segbench.data.folder import open_folder

NFC, NFD = (unicodedata.normalize(form, "Café") for form in ("NFC", "NFD"))
FRAMES = ("f0", "f1")


@pytest.fixture
def copy(root):
    """Write two frames of training in the layout of the SegNet tutorial, without a list."""
    home = root / "camvid"
    for frame in FRAMES:
        write_image(home / "train" / f"{frame}.png")
        write_indices(home / "trainannot" / f"{frame}.png", plane(0))
    return home


def names_of(root):
    dataset = open_camvid(root)
    return [scene.name for scene in dataset.splits["train"]], dataset.unpaired


LINES = "train/f0.png trainannot/f0.png\ntrain/f1.png trainannot/f1.png\n"


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode("utf-8-sig"),  # as Windows' editors write it
        LINES.replace("\n", "\r\n").encode("utf-8-sig"),
        LINES.replace("/", "\\").encode(),
        "".join(
            f"/SegNet/CamVid/{a} {b}\n" for a, b in map(str.split, LINES.splitlines())
        ).encode(),
        LINES.replace("train", "\\SegNet\\CamVid\\train").replace("/", "\\").encode(),
        LINES.replace(" ", "\t").encode(),
        LINES.replace(" ", "   ").encode(),
    ],
)
def test_a_list_is_read_as_other_systems_write_it(copy, root, content):
    (copy / "train.txt").write_bytes(content)
    assert names_of(root) == (["f0", "f1"], ())


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_a_list_in_utf_16_is_one_line(copy, root, here, mark):
    encoding = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    (copy / "train.txt").write_bytes(mark + LINES.encode(encoding))
    code, out, said = here("data", "check", "camvid", "--data-root", str(root))
    assert (code, out) == (2, "")
    assert said == (
        f"segbench: cannot read list {str(copy / 'train.txt')!r}: it is text in UTF-16; save it as "
        "UTF-8\n"
    )


def test_a_list_in_utf_16_without_a_mark_has_no_line_that_is_a_pair(copy, root, here):
    (copy / "train.txt").write_bytes(LINES.encode("utf-16-le"))
    code, out, said = here("data", "check", "camvid", "--data-root", str(root))
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert said.startswith(f"segbench: {copy / 'train.txt'}:3: ")


@pytest.mark.parametrize(("listed", "on_disk"), [(NFC, NFD), (NFD, NFC)])
def test_letters_in_either_form_of_unicode_are_found_by_a_list(root, listed, on_disk):
    home = root / "camvid"
    write_image(home / "train" / on_disk / f"{on_disk}.png")
    write_indices(home / "trainannot" / f"{on_disk}.png", plane(0))
    (home / "train.txt").write_text(f"train/{listed}/{listed}.png trainannot/{listed}.png\n")
    [scene] = open_camvid(root).splits["train"]
    assert scene.label()[0, 0] == 0
    assert scene.image_path.name == f"{on_disk}.png"


@pytest.mark.parametrize(("image", "label"), [(NFC, NFD), (NFD, NFC), (NFC, NFC)])
def test_letters_in_either_form_of_unicode_are_paired_by_name(house, image, label):
    write_image(house / "train/images" / f"{image}.png")
    write_indices(house / "train/labels" / f"{label}.png", plane(0))
    dataset = open_folder(house)
    assert [scene.name for scene in dataset.splits["train"]] == [image]
    assert dataset.unpaired == ()


def test_where_both_forms_are_files_each_is_paired_with_its_own(house):
    for number, name in enumerate((NFC, NFD)):
        write_image(house / "train/images" / f"{name}.png")
        write_indices(house / "train/labels" / f"{name}.png", plane(number))
    found = {scene.name: int(scene.label()[0, 0]) for scene in open_folder(house).splits["train"]}
    assert found == {NFC: 0, NFD: 1}


def test_names_with_spaces_are_found_where_one_way_to_divide_the_line_names_files(copy, root):
    write_image(copy / "train/my frame.png")
    write_indices(copy / "trainannot/my frame.png", plane(0))
    (copy / "train.txt").write_text("train/my frame.png trainannot/my frame.png\n")
    assert names_of(root) == (["my frame"], ())
    (copy / "train.txt").write_text("train/my frame.png\ttrainannot/my frame.png\n")
    assert names_of(root) == (["my frame"], ())


def test_a_line_with_spaces_that_names_no_files_says_what_to_write(copy, root):
    (copy / "train.txt").write_text("\ntrain/my frame.png trainannot/my frame.png\n")
    with pytest.raises(DataError) as caught:
        open_camvid(root)
    assert str(caught.value) == (
        f"{copy / 'train.txt'}:2: 'train/my frame.png trainannot/my frame.png' names no image and "
        "label, or several, for there are spaces in it; write a tab between the two paths"
    )


def test_a_file_that_a_list_names_and_is_not_there_is_told_with_the_line(copy, root, here):
    (copy / "train.txt").write_text(LINES + "train/f2.png trainannot/f0.png\n")
    _, out, _ = here("data", "check", "camvid", "--data-root", str(root))
    said = (
        f"{copy / 'train/f2.png'} has no partner: there is no such file, and "
        f"{copy / 'train.txt'}:3 names it"
    )
    assert said.replace(" ", "") in "".join(out.split())


@pytest.fixture
def house(tmp_path):
    home = tmp_path / "house"
    home.mkdir()
    (home / "classes.csv").write_text("name\nfloor\nwall\n")
    return home


def write_frames(house, *labels):
    for frame, label in zip(FRAMES, labels, strict=True):
        write_image(house / "train/images" / f"{frame}.jpg")
        write_indices(house / "train/labels" / label, plane(0, 1))


@pytest.mark.parametrize("end", ["_mask", "-label", "_L", "_gtFine_labelIds", ".seg", " mask"])
def test_labels_that_all_have_one_ending_more_are_paired(house, end):
    write_frames(house, f"f0{end}.png", f"f1{end}.png")
    dataset = open_folder(house)
    assert [scene.name for scene in dataset.splits["train"]] == ["f0", "f1"]
    assert dataset.unpaired == ()


@pytest.mark.parametrize(
    "labels",
    [
        ("f0_mask.png", "f1_label.png"),  # of which each might be what another is not
        ("f0_2.png", "f1_2.png"),  # a number may be that of a frame
        ("f0mask.png", "f1mask.png"),
    ],
)
def test_other_names_are_told_with_what_was_expected(house, labels, here):
    write_frames(house, *labels)
    assert open_folder(house).splits["train"] == ()
    code, out, _ = here("data", "check", str(house))
    assert code == 5
    said = (
        f"{house / 'train/images/f0.jpg'} has no partner: no label is left whose name without its "
        "ending is 'f0'"
    )
    assert said.replace(" ", "") in "".join(out.split())
    code, _, said = here("train", "segfast", "--dataset", str(house), "--epochs", "1")
    assert code == 2
    assert said.endswith(
        f"; {house / 'train/images/f0.jpg'} has no partner: no label is left whose name without "
        "its ending is 'f0'\n"
    )


def test_a_second_label_for_an_image_is_told(house):
    write_frames(house, "f0.png", "f1.png")
    write_indices(house / "train/labels/f0.bmp", plane(1))
    dataset = open_folder(house)
    assert [int(scene.label()[0, 0]) for scene in dataset.splits["train"]] == [0, 0]
    assert dataset.unpaired == (str(house / "train/labels/f0.bmp"),)


def test_a_name_that_is_not_utf_8_is_checked_and_trained_on(here, rooms):
    for kind in ("images", "labels"):
        path = rooms / "train" / kind / "0.png"
        path.rename(path.with_name(os.fsdecode(b"f\xff\xfe.png")))
    code, out, said = here("data", "check", "rooms")
    assert (code, said) == (0, "")
    assert out.startswith("rooms: 14 scenes, nothing wrong\n")
    options = ("--epochs", "1", "--size", "32x32", "--out", "run")
    for again in ((), ("--resume",)):  # decoded, and then from the cache
        code, out, said = here("train", "segfast", "--dataset", "rooms", *options, *again)
        assert code == 0, said
        assert out.startswith("trained: run ")
