"""CamVid in the tutorial's layout and the original one, traps included."""

import numpy as np
import pytest
from small_copies import plane, write_colors, write_image, write_indices

from segbench.data.camvid import CLASSES, SOURCES, open_camvid, split_of
from segbench.data.errors import DataError
from segbench.data.scenes import VOID

# label_colors.txt of the original, http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid
COLORS = """64 128 64\tAnimal
192 0 128\tArchway
0 128 192\tBicyclist
0 128 64\tBridge
128 0 0\t\tBuilding
64 0 128\tCar
64 0 192\tCartLuggagePram
192 128 64\tChild
192 192 128\tColumn_Pole
64 64 128\tFence
128 0 192\tLaneMkgsDriv
192 0 64\tLaneMkgsNonDriv
128 128 64\tMisc_Text
192 0 192\tMotorcycleScooter
128 64 64\tOtherMoving
64 192 128\tParkingBlock
64 64 0\t\tPedestrian
128 64 128\tRoad
128 128 192\tRoadShoulder
0 0 192\t\tSidewalk
192 128 128\tSignSymbol
128 128 128\tSky
64 128 192\tSUVPickupTruck
0 0 64\t\tTrafficCone
0 64 64\t\tTrafficLight
192 64 128\tTrain
128 128 0\tTree
192 128 192\tTruck_Bus
64 0 64\t\tTunnel
192 192 0\tVegetationMisc
0 0 0\t\tVoid
64 192 0\tWall
"""
SKY, CAR, BICYCLIST, LANE = (128, 128, 128), (64, 0, 128), (0, 128, 192), (128, 0, 192)


def tutorial(home, *, prefix="", end=".png", lists=True):
    """Write one frame for each split."""
    for split, frame in (
        ("train", "0001TP_006690"),
        ("val", "0016E5_07959"),
        ("test", "Seq05VD_f00000"),
    ):
        write_image(home / split / f"{frame}{end}")
        write_indices(home / f"{split}annot" / f"{frame}.png", plane(0, 8, 11))
        if lists:
            line = f"{prefix}{split}/{frame}{end} {prefix}{split}annot/{frame}.png\n"
            (home / f"{split}.txt").write_text(line)


@pytest.mark.parametrize("prefix", ["", "/SegNet/CamVid/"])
@pytest.mark.parametrize("end", [".png", ".jpg"])
def test_the_tutorials_lists_are_read_with_and_without_their_prefix(root, prefix, end):
    tutorial(root / "camvid", prefix=prefix, end=end)
    dataset = open_camvid(root)
    names = {split: [scene.name for scene in scenes] for split, scenes in dataset.splits.items()}
    assert names == {
        "train": ["0001TP_006690"], "val": ["0016E5_07959"], "test": ["Seq05VD_f00000"],
    }  # fmt: skip
    label = dataset.splits["val"][0].label()
    assert label.ravel()[:3].tolist() == [0, 8, VOID]
    assert dataset.splits["val"][0].image().shape == (4, 6, 3)
    assert dataset.unpaired == ()


def test_without_lists_frames_are_paired_by_their_names(root):
    tutorial(root, lists=False, end=".jpg")
    write_image(root / "train" / "lonely.png")
    write_indices(root / "valannot" / "stray.png", plane(0))
    dataset = open_camvid(root)
    assert {split: len(scenes) for split, scenes in dataset.splits.items()} == {
        "train": 1, "val": 1, "test": 1,
    }  # fmt: skip
    assert dataset.unpaired == (
        str(root / "train" / "lonely.png"),
        str(root / "valannot" / "stray.png"),
    )


def test_a_file_that_a_list_names_and_the_copy_lacks_is_told(root):
    tutorial(root)
    (root / "train" / "0001TP_006690.png").unlink()
    dataset = open_camvid(root)
    assert dataset.splits["train"] == ()
    assert dataset.unpaired == (str(root / "train" / "0001TP_006690.png"),)


def test_a_line_that_is_no_pair_is_named_with_its_file_and_number(root):
    tutorial(root)
    (root / "val.txt").write_text("\nval/0016E5_07959.png\n")
    with pytest.raises(DataError) as caught:
        open_camvid(root)
    assert str(caught.value) == (
        f"{root / 'val.txt'}:2: 'val/0016E5_07959.png' is not an image and a label; "
        "write two paths with a space between them"
    )


def test_a_number_that_stands_for_no_class_is_named_with_its_place(root):
    tutorial(root)
    path = root / "trainannot" / "0001TP_006690.png"
    write_indices(path, plane(0, 0, 0, 0, 0, 0, 0, 12, 0))
    with pytest.raises(DataError) as caught:
        open_camvid(root).splits["train"][0].label()
    assert str(caught.value) == (
        f"label {str(path)!r} has the value 12 at row 1, column 1, which stands for no class "
        "(known: 0-11)"
    )


def test_colours_where_numbers_are_expected_are_refused(root):
    tutorial(root)
    path = root / "trainannot" / "0001TP_006690.png"
    write_colors(path, np.zeros((4, 6, 3)))
    with pytest.raises(DataError) as caught:
        open_camvid(root).splits["train"][0].label()
    assert str(caught.value) == (
        f"label {str(path)!r} has colours (RGB) where class numbers are expected"
    )


def original(home, frames, *, images="701_StillsRaw_full", labels="LabeledApproved_full"):
    for frame, color in frames.items():
        write_image(home / images / f"{frame}.png")
        write_colors(home / labels / f"{frame}_L.png", np.full((4, 6, 3), color))


def test_the_original_is_split_as_in_the_tutorial_and_merged_to_its_classes(root):
    (root / "CamVid").mkdir(parents=True)
    (root / "CamVid" / "label_colors.txt").write_text(COLORS)
    frames = {
        "0001TP_008550": SKY,
        "0016E5_08159": CAR,
        "0006R0_f00930": LANE,
        "0016E5_08640": BICYCLIST,
    }
    original(root / "CamVid", frames)
    dataset = open_camvid(root)
    seen = {
        scene.name: (split, dataset.classes[int(scene.label()[0, 0])].name)
        for split, scenes in dataset.splits.items()
        for scene in scenes
    }
    assert seen == {
        "0001TP_008550": ("test", "sky"),
        "0016E5_08159": ("val", "car"),
        "0006R0_f00930": ("train", "road"),
        "0016E5_08640": ("train", "bicyclist"),
    }


def test_the_original_in_folders_for_each_split_keeps_these(root):
    root.mkdir()
    rows = [line.split() for line in COLORS.splitlines()]
    lines = [f"{name},{red},{green},{blue}" for red, green, blue, name in rows]
    (root / "class_dict.csv").write_text("\n".join(["name,r,g,b", *lines]))
    for split, frame in (("train", "0001TP_008550"), ("val", "0006R0_f00930")):
        original(root, {frame: SKY}, images=split, labels=f"{split}_labels")
    dataset = open_camvid(root)
    assert [scene.name for scene in dataset.splits["train"]] == ["0001TP_008550"]
    assert [scene.name for scene in dataset.splits["val"]] == ["0006R0_f00930"]


def test_every_colour_but_black_is_of_one_of_the_11_classes(root):
    (root / "labels").mkdir(parents=True)
    (root / "label_colors.txt").write_text(COLORS)
    rows = [line.split() for line in COLORS.splitlines()]
    colors = np.array([[[int(part) for part in row[:3]] for row in rows]], np.uint8)
    write_image(root / "images" / "0006R0_f00930.png", size=(1, 32))
    write_colors(root / "labels" / "0006R0_f00930_L.png", colors)
    label = open_camvid(root).splits["train"][0].label()[0]
    found = {row[3]: int(number) for row, number in zip(rows, label, strict=True)}
    assert found.pop("Void") == VOID
    names = [each.name for each in CLASSES]
    assert found == {
        source: names.index(target) for target, sources in SOURCES.items() for source in sources
    }
    assert len(found) == 31


def test_the_wrong_colour_of_a_public_table_fails_loudly(root):
    root.mkdir()
    (root / "label_colors.txt").write_text(
        COLORS.replace("0 128 192\tBicyclist", "0 128 92\tBicyclist")
    )
    original(root, {"0006R0_f00930": BICYCLIST}, images="images", labels="labels")
    path = root / "labels" / "0006R0_f00930_L.png"
    with pytest.raises(DataError) as caught:
        open_camvid(root).splits["train"][0].label()
    assert str(caught.value) == (
        f"label {str(path)!r} has the colour (0, 128, 192) at row 0, column 0, "
        "which stands for no class of its table of colours"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2 3\tUnicorn\n", "row 1 names the class 'Unicorn', which CamVid has not"),
        ("1 2\n", "cannot read the table of colours"),
        ("a b c\tSky\n", "cannot read the table of colours"),
    ],
)
def test_a_table_of_colours_that_cannot_be_used_is_refused(root, text, words):
    root.mkdir()
    (root / "label_colors.txt").write_text(text)
    with pytest.raises(DataError, match=words):
        open_camvid(root)


def test_where_there_is_no_copy_it_is_said_what_was_looked_for(root):
    root.mkdir()
    with pytest.raises(DataError) as caught:
        open_camvid(root)
    assert str(caught.value) == (
        f"no CamVid in {str(root)!r}: it has neither train/ with trainannot/ nor "
        "label_colors.txt or class_dict.csv; get it with: segbench data fetch camvid"
    )


@pytest.mark.parametrize(
    ("frame", "split"),
    [
        # the first and last frame of each sequence in the tutorial's lists
        ("0001TP_006690", "train"), ("0001TP_008520", "train"),
        ("0006R0_f00930", "train"), ("0006R0_f03930", "train"),
        ("0016E5_00390", "train"), ("0016E5_08640", "train"),
        ("0016E5_07959", "val"), ("0016E5_08159", "val"),
        ("0001TP_008550", "test"), ("0001TP_010380", "test"),
        ("Seq05VD_f00000", "test"), ("Seq05VD_f05100", "test"),
    ],
)  # fmt: skip
def test_the_rule_of_the_split_is_that_of_the_tutorials_lists(frame, split):
    assert split_of(frame) == split
