"""Nothing that is not segbench's own is replaced or removed by training and predicting."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SMALL = ("--size", "24x32", "--epochs", "1", "--batch", "5")
TRAIN = ("train", "segfast", "--dataset", "rooms", *SMALL)


@pytest.fixture
def photos(rooms):
    """Return a folder with two pictures in a present folder, and what is in it."""
    folder = rooms.parent / "photos"
    folder.mkdir()
    for name, level in (("a.png", 60), ("b.jpg", 180)):
        Image.fromarray(np.full((24, 32, 3), level, np.uint8)).save(folder / name)
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


def refused(here, *arguments):
    code, out, said = here(*arguments)
    assert (code, out) == (2, "")
    assert said.count("\n") == 1
    return said


def test_a_folder_of_hidden_files_is_not_empty_and_keeps_them(here):
    Path("new").mkdir()
    Path("new/.env.local").write_text("SECRET=1")
    assert refused(here, *TRAIN, "--out", "new") == (
        "segbench: 'new' exists already; add --resume to go on with it, or name another folder "
        "with --out\n"
    )
    assert contents("new") == {".env.local": b"SECRET=1"}


def test_a_run_that_goes_on_keeps_foreign_files_beside_its_own(here):
    assert here(*TRAIN, "--out", "run")[0] == 0
    for name in (".env.local", ".gitignore", ".run.json.bak", ".history.csv.swp"):
        Path("run", name).write_text("mine")
    own = Path("run/.segbench-0123456789abcdef.part")
    own.write_text("half-written, where it needed a name")
    assert here(*TRAIN, "--out", "run", "--resume")[0] == 0
    kept = {name: text for name, text in contents("run").items() if text == b"mine"}
    assert sorted(kept) == [".env.local", ".gitignore", ".history.csv.swp", ".run.json.bak"]
    assert not own.exists()


def test_a_folder_with_what_a_killed_process_left_is_empty(here):
    Path("new").mkdir()
    Path("new/.segbench-0123456789abcdef.part").write_text("half")
    assert here(*TRAIN, "--out", "new")[0] == 0


@pytest.mark.parametrize("out", ["photos", "./photos", "link"])
def test_results_do_not_replace_the_pictures_that_they_are_of(here, photos, out):
    Path("link").symlink_to("photos")
    before = contents(photos)
    for force in ((), ("--force",)):
        said = refused(here, "predict", "segfast-streets", "photos", "--out", out, *force)
        assert "'photos/a.png' would replace" in said
    assert contents(photos) == before


def test_two_pictures_whose_results_have_one_name_are_refused_before_anything(here, photos):
    shutil.copy(photos / "a.png", photos / "b.png")
    said = refused(here, "predict", "segfast-streets", "photos", "--out", "seen")
    assert said == (
        "segbench: the results of 'photos/b.jpg' and 'photos/b.png' would both be 'seen/b.png'; "
        "rename one, or predict them into folders of their own\n"
    )
    (photos / "b.png").rename(photos / "a_mask.png")
    said = refused(here, "predict", "segfast-streets", "photos", "--out", "seen")
    assert "'photos/a.png' and 'photos/a_mask.png' would both be 'seen/a_mask.png'" in said
    assert not Path("seen").exists()


def test_results_that_are_there_are_replaced_only_if_that_is_asked_for(here, photos):
    command = ("predict", "segfast-streets", str(photos), "--out", "seen")
    assert here(*command)[0] == 0
    Path("seen/a.png").write_text("mine")
    assert refused(here, *command) == (
        "segbench: 'seen/a.png' exists already; name another folder with --out, or add --force\n"
    )
    assert Path("seen/a.png").read_text() == "mine"
    assert here(*command, "--force")[0] == 0
    with Image.open("seen/a.png") as picture:
        assert picture.format == "PNG"


def test_a_name_that_is_too_long_for_results_is_refused_before_anything(here, photos):
    long = "n" * 250
    shutil.copy(photos / "a.png", photos / f"{long}.png")
    said = refused(here, "predict", "segfast-streets", "photos", "--out", "new")
    assert said == (
        f"segbench: the name of 'photos/{long}.png' is too long for its results; they would have "
        "names of over 255 bytes\n"
    )
    assert not Path("new").exists()


@pytest.mark.usefixtures("photos")
def test_a_result_that_is_a_link_to_nothing_is_refused_before_anything(here):
    Path("new").mkdir()
    Path("new/b.png").symlink_to("b.png")
    said = refused(here, "predict", "segfast-streets", "photos", "--out", "new")
    assert said == "segbench: 'new/b.png' is a link to nothing; remove it\n"
    assert [path.name for path in Path("new").iterdir()] == ["b.png"]


def test_a_video_is_not_replaced_by_its_result(here):
    import av

    with av.open("drive.mp4", "w") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        for level in (0, 100, 200):
            pixels = np.full((32, 32, 3), level, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode())
    before = Path("drive.mp4").read_bytes()
    said = refused(here, "predict", "segfast-streets", "drive.mp4", "--out", ".", "--force")
    assert "'drive.mp4' would replace 'drive.mp4', which is to be read" in said
    Path("seen").mkdir()
    Path("seen/drive.mp4").write_text("mine")
    refused(here, "predict", "segfast-streets", "drive.mp4", "--out", "seen")
    assert (Path("drive.mp4").read_bytes(), Path("seen/drive.mp4").read_text()) == (before, "mine")


def test_the_images_of_a_dataset_are_not_replaced_by_what_is_seen_in_them(here, rooms):
    before = contents(rooms / "val" / "images")
    assert here(*TRAIN, "--out", "run")[0] == 0
    command = ("predict", "run", "--dataset", "rooms", "--out", "rooms/val/images", "--force")
    assert "which is to be read" in refused(here, *command)
    assert contents(rooms / "val" / "images") == before
