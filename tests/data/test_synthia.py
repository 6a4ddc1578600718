"""SYNTHIA: 16 bits a channel, two sets of numbers, and a split by hash."""

import os
import sys

import numpy as np
import pytest
from PIL import Image
from small_copies import plane, write_16_bits, write_image

from segbench.data.errors import DataError
from segbench.data.scenes import VOID
from segbench.data.synthia import open_synthia, open_synthia_seqs, share_of

ROAD = plane(3)
INSTANCE = 777  # in the second channel, more than 8 bits hold


def rand(root, frames=("0000000.png",), values=ROAD):
    for frame in frames:
        write_image(root / "synthia" / "RGB" / frame)
        write_16_bits(root / "synthia" / "GT" / "LABELS" / frame, values, INSTANCE)


def scenes_of(dataset):
    return [scene for scenes in dataset.splits.values() for scene in scenes]


def test_the_class_is_the_first_channel_of_16_bits(root):
    rand(root, values=np.arange(24).reshape(4, 6) % 23)
    dataset = open_synthia(root)
    [scene] = scenes_of(dataset)
    assert scene.label().ravel()[:23].tolist() == [VOID, *range(22)]
    assert dataset.classes[11].name == "motorcycle"


def test_pillow_alone_would_have_lost_the_class(root):
    rand(root)
    path = root / "synthia" / "GT" / "LABELS" / "0000000.png"
    assert np.asarray(Image.open(path)).max() < 4  # 3 of 65,535 is 0 of 255; 777 is 3


def test_12_is_a_lane_marking_in_a_recording_and_a_motorcycle_in_the_other(root):
    rand(root, values=plane(12))
    folder = root / "synthia-seqs" / "SYNTHIA-SEQS-04-SUMMER"
    write_image(folder / "RGB" / "Stereo_Left" / "Omni_F" / "000000.png")
    write_16_bits(folder / "GT/LABELS/Stereo_Left/Omni_F/000000.png", plane(12), INSTANCE)
    seen = []
    for dataset in (open_synthia(root), open_synthia_seqs(root)):
        [scene] = scenes_of(dataset)
        seen.append(dataset.classes[int(scene.label()[0, 0])].name)
    assert seen == ["motorcycle", "lane-marking"]


def test_a_motorcycle_does_not_pass_for_anything_in_a_recording(root):
    folder = root / "synthia-seqs" / "SYNTHIA-SEQS-04-SUMMER"
    write_image(folder / "RGB" / "Stereo_Left" / "Omni_F" / "000000.png")
    write_16_bits(folder / "GT/LABELS/Stereo_Left/Omni_F/000000.png", plane(13), INSTANCE)
    [scene] = scenes_of(open_synthia_seqs(root))
    with pytest.raises(DataError, match=r"has the value 13 .* \(known: 0-12\)"):
        scene.label()


def test_a_fifth_of_the_scenes_is_for_validation_by_their_names_alone(root):
    names = [f"{number:07}.png" for number in range(300)]
    for name in names:
        for folder in ("RGB", "GT/LABELS"):
            path = root / "synthia" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    dataset = open_synthia(root)
    validation = {scene.image_path.name for scene in dataset.splits["val"]}
    assert validation == {name for name in names if share_of(name) < 0.2}
    assert len(dataset.splits["train"]) == 300 - len(validation)
    assert 39 <= len(validation) <= 81  # of 300, 60 on average, within three deviations of 6.9


def test_without_opencv_it_is_said_which_extra_is_missing(root, monkeypatch):
    rand(root)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(DataError) as caught:
        scenes_of(open_synthia(root))[0].label()
    assert str(caught.value) == (
        "labels with 16 bits a channel need OpenCV, which is not installed; "
        "pip install 'segbench[synthia]'"
    )


def test_a_label_that_is_cut_off_is_one_error_and_nothing_more(root, capfd):
    rand(root)
    path = root / "synthia" / "GT" / "LABELS" / "0000000.png"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DataError) as caught:
        scenes_of(open_synthia(root))[0].label()
    assert (
        str(caught.value) == f"cannot read label {str(path)!r}: it is damaged (Truncated File Read)"
    )
    assert capfd.readouterr().err == ""  # nor do libraries say it again


@pytest.mark.parametrize("opener", [open_synthia, open_synthia_seqs])
def test_where_there_is_no_copy_it_is_said_where_to_get_one(root, opener):
    root.mkdir()
    with pytest.raises(
        DataError, match=r"no SYNTHIA-.*; get it at synthia-dataset\.net, and unpack"
    ):
        opener(root)


def test_a_name_that_is_not_utf_8_has_a_split_of_synthia():
    assert 0 <= share_of(os.fsdecode(b"f\xff.png")) < 1
    assert share_of("Caf\u00e9.png") == share_of("Cafe\u0301.png")
