"""Downloads from a real server on this machine, broken off, resumed, and wrong."""

import io
import zipfile

import numpy as np
import pytest
from serving import Server
from small_copies import plane, write_image, write_indices

from segbench.data.camvid import open_camvid
from segbench.data.errors import DataError
from segbench.data.fetching import SOURCES, Source, digest_of, fetch

FOLDER = "Tutorial-master/CamVid"


@pytest.fixture
def archive(tmp_path):
    """Return the bytes of an archive, and the digest of its labels."""
    home = tmp_path / "made" / "CamVid"
    for split in ("train", "val", "test"):
        write_image(home / split / "a.png")
        write_indices(home / f"{split}annot" / "a.png", plane(0, 8))
        (home / f"{split}.txt").write_text(
            f"/SegNet/CamVid/{split}/a.png /SegNet/CamVid/{split}annot/a.png\n"
        )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr("Tutorial-master/README.md", "not this")
        for path in sorted(home.rglob("*")):
            packed.write(path, f"{FOLDER}/{path.relative_to(home)}")
        noise = np.random.default_rng(0).bytes(600_000)  # so that a reply has several parts
        packed.writestr("Tutorial-master/model.bin", noise)
    return content.getvalue(), digest_of(home, "*annot/*.png")


@pytest.fixture
def server(archive):
    with Server(archive[0]) as running:
        yield running


def source_of(server, archive, **changes):
    fields = {"url": server.url, "folder": FOLDER, "labels": "*annot/*.png", "digest": archive[1]}
    return Source(**(fields | changes))


def ignore(*_):
    pass


def test_a_dataset_is_downloaded_unpacked_and_opened(server, archive, root):
    seen = []
    source = source_of(server, archive)
    home = fetch("camvid", root, source=source, progress=lambda *step: seen.append(step))
    assert home == root / "camvid"
    assert {split: len(scenes) for split, scenes in open_camvid(root).splits.items()} == {
        "train": 1, "val": 1, "test": 1,
    }  # fmt: skip
    assert sorted(path.name for path in root.iterdir()) == ["camvid"]  # the archive is gone
    loaded = [step for step in seen if step[0] == "downloading"]
    assert loaded[-1] == ("downloading", len(archive[0]), len(archive[0]))


def test_a_download_that_broke_off_goes_on_where_it_ended(server, archive, root):
    server.cut = 400_000
    source = source_of(server, archive)
    with pytest.raises(DataError) as caught:
        fetch("camvid", root, source=source, progress=ignore)
    assert str(caught.value).endswith("; the same command goes on from here")
    assert (root / ".camvid.zip.part").stat().st_size == 400_000
    fetch("camvid", root, source=source, progress=ignore)
    assert server.ranges == [None, "bytes=400000-"]
    assert len(open_camvid(root).splits["val"]) == 1


def test_a_server_that_cannot_resume_begins_anew(server, archive, root):
    server.cut, server.resumes = 400_000, False
    source = source_of(server, archive)
    with pytest.raises(DataError):
        fetch("camvid", root, source=source, progress=ignore)
    fetch("camvid", root, source=source, progress=ignore)
    assert len(open_camvid(root).splits["val"]) == 1


def test_an_archive_that_was_whole_before_a_kill_is_not_loaded_again(server, archive, root):
    root.mkdir()
    (root / ".camvid.zip.part").write_bytes(archive[0])
    fetch("camvid", root, source=source_of(server, archive), progress=ignore)
    assert server.ranges == [f"bytes={len(archive[0])}-"]
    assert (root / "camvid").is_dir()


def refused(root, source):
    with pytest.raises(DataError) as caught:
        fetch("camvid", root, source=source, progress=ignore)
    assert not (root / "camvid").exists()
    return str(caught.value)


def test_other_labels_are_not_taken_for_the_dataset(server, archive, root):
    words = refused(root, source_of(server, archive, digest="0" * 64))
    assert words.startswith(f"what {server.url} gave is not the dataset 'camvid': its labels have ")
    assert not root.exists()  # it was made for this


def test_what_is_no_archive_or_another_is_said_and_removed(server, archive, root):
    assert "has no folder 'Elsewhere/CamVid'" in refused(
        root, source_of(server, archive, folder="Elsewhere/CamVid")
    )
    server.content = b"<html>sign in</html>"
    assert refused(root, source_of(server, archive)) == (
        f"what {server.url} gave cannot be unpacked: it is no zip archive (File is not a zip "
        "file); what is there was removed, and the same command begins anew"
    )
    assert not root.exists()  # it was made for this


def test_a_server_that_refuses_or_is_not_there_is_one_line(server, archive, root):
    server.status = 404
    assert refused(root, source_of(server, archive)) == f"{server.url} answered 404 not found"
    words = refused(root, source_of(server, archive, url="http://127.0.0.1:9/master.zip"))
    assert words.startswith("cannot download http://127.0.0.1:9/master.zip: ")
    assert "connection refused" in words


def test_what_is_there_is_never_overwritten(server, archive, root):
    (root / "camvid").mkdir(parents=True)
    with pytest.raises(
        DataError, match="is there already; read it with: segbench data check camvid"
    ):
        fetch("camvid", root, source=source_of(server, archive), progress=ignore)
    assert server.ranges == []


def test_what_is_not_for_download_says_where_to_ask(root):
    root.mkdir()
    with pytest.raises(DataError, match=r"no Cityscapes in .*; register at"):
        fetch("cityscapes", root, progress=ignore)
    with pytest.raises(DataError, match=r"unknown dataset 'camvit'; did you mean 'camvid'\?"):
        fetch("camvit", root, progress=ignore)
    with pytest.raises(DataError, match="dataset 'streets' is there already"):
        fetch("streets", root, progress=ignore)


def test_the_digest_follows_names_and_contents(tmp_path):
    write_indices(tmp_path / "trainannot" / "a.png", plane(0))
    first = digest_of(tmp_path, "*annot/*.png")
    write_indices(tmp_path / "trainannot" / "a.png", plane(1))
    second = digest_of(tmp_path, "*annot/*.png")
    (tmp_path / "trainannot" / "a.png").rename(tmp_path / "trainannot" / "b.png")
    assert len({first, second, digest_of(tmp_path, "*annot/*.png")}) == 3
    assert len(SOURCES["camvid"].digest) == 64
