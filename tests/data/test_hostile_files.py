"""Pictures, tables, lists and videos that are damaged or mean: one line each, never a traceback."""

import io
import json
import os
import random
import resource
import struct
import subprocess
import sys
import warnings
import zlib

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features
from small_copies import plane, write_image, write_indices

from segbench.data.errors import DataError
from segbench.data.pictures import FORMATS, MOST_PIXELS, decode_picture
from segbench.data.scenes import LabelClass
from segbench.training.video import predict_video

KNOWN = "no picture that Pillow reads as AVIF, BMP, GIF, JPEG, JPEG2000, PNG, PPM, TGA, TIFF, WEBP"
NETWORK = "segfast-streets"  # which comes along


def picture_of(form, **options):
    """Return the file of a picture of 24 times 32 pixels of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    content = io.BytesIO()
    mode = options.pop("mode", "RGB")
    Image.fromarray(pixels).convert(mode).save(content, form, **options)
    return content.getvalue()


def whole_pictures():
    """Return the file of a picture of each format, and of each way to pack a TIFF."""
    found = {form: picture_of(form) for form in FORMATS if form != "AVIF" or features.check("avif")}
    packings = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    found |= {f"TIFF-{each}": picture_of("TIFF", compression=each) for each in packings}
    found["TIFF-group4"] = picture_of("TIFF", mode="1", compression="group4")
    found["MPO"] = picture_of("MPO")
    found["PNG-palette"] = picture_of("PNG", mode="P", transparency=bytes(range(256)))
    return found


WHOLE = whole_pictures()


def seeded(name):
    return random.Random(name)  # noqa: S311 - so that it is the same every time


def damaged(whole, chance):
    """Return a file with some bytes changed, most of them near its beginning, or cut off."""
    changed = bytearray(whole)
    if chance.random() < 0.25:
        del changed[chance.randrange(len(changed)) :]
    for _ in range(chance.choice((0, 1, 2, 5, 20))):
        place = chance.randrange(min(len(whole), chance.choice((40, 200, 1 << 20))))
        changed[place : place + 1] = bytes([chance.choice((0, 255, chance.randrange(256)))])
    return bytes(changed)


@pytest.fixture
def checked(here, rooms):
    """Return a function that runs ``data check rooms``; it returns the code and the problems."""

    def run():
        target = rooms.parent / "found.json"
        target.unlink(missing_ok=True)
        code, _, said = here("data", "check", "rooms", "--output", str(target))
        assert said == f"written to {target}\n"
        return code, json.loads(target.read_text())["problems"]

    return run


@pytest.mark.parametrize("name", WHOLE)
def test_a_damaged_picture_of_any_format_is_a_problem_or_is_read(checked, rooms, name):
    chance = seeded(name)
    folder = rooms / "train" / "images"
    for number in range(150):
        (folder / f"d{number}.png").write_bytes(damaged(WHOLE[name], chance))
        label = (rooms / "train/labels/0.png").read_bytes()
        (rooms / "train/labels" / f"d{number}.png").write_bytes(label)
    code, problems = checked()
    assert code == (5 if problems else 0)
    for problem in problems:
        assert problem.startswith(("cannot read image 'rooms/train/images/d", "image and label of"))
        assert "\n" not in problem


@given(st.sampled_from(sorted(WHOLE)), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_a_damaged_picture_is_decoded_or_refused_with_one_error(name, chance):
    try:
        found = decode_picture(damaged(WHOLE[name], chance), source="it", mode="RGB")
    except DataError as error:
        said, size = str(error), (1, 1)
    else:
        said, size = "cannot read it: ", found.size
    assert said.startswith("cannot read it: ")
    assert 0 < size[0] * size[1] <= MOST_PIXELS


def test_a_whole_picture_of_each_format_is_read():
    for name, content in WHOLE.items():
        assert decode_picture(content, source=name, mode="RGB").size == (32, 24)


@pytest.mark.parametrize("form", ["BLP", "DDS", "ICNS", "ICO", "PCX", "SGI", "XBM"])
def test_what_is_an_icon_a_texture_or_data_is_not_read(checked, rooms, form):
    mode = {"BLP": "P", "XBM": "1"}.get(form, "RGB")
    (rooms / "train" / "images" / "3.png").write_bytes(picture_of(form, mode=mode))
    assert checked() == (5, [f"cannot read image 'rooms/train/images/3.png': {KNOWN}"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"these are notes",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n",  # which another program would run
        b"\0" * 100,
        b"\xff" * 100,
    ],
)
def test_what_is_no_picture_of_a_known_format_is_said_to_be_none(here, rooms, content):
    (rooms.parent / "a.png").write_bytes(content)
    code, out, said = here("predict", NETWORK, "a.png")
    assert (code, out, said) == (2, "", f"segbench: cannot read image 'a.png': {KNOWN}\n")


def png(width, height, *, rows=b""):
    """Return a PNG of black and white that states a size."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


MOST = "8192 x 8192 are the most that is read; make it smaller"


def test_a_small_file_of_169_million_pixels_is_refused_by_its_size(here, rooms):
    content = png(13_000, 13_000, rows=bytes(13_000 * (1 + 13_000 // 8)))
    assert len(content) < 25_000
    (rooms.parent / "bomb.png").write_bytes(content)
    assert here("predict", NETWORK, "bomb.png") == (
        2,
        "",
        f"segbench: cannot read image 'bomb.png': it has 13000 x 13000 pixels, and {MOST}\n",
    )


def test_the_size_is_looked_at_before_the_picture_is_decoded(here, rooms):
    for width, words in (
        (8192, "it is damaged (image file is truncated (0 bytes not processed))"),
        (8193, f"it has 8193 x 8192 pixels, and {MOST}"),
        (60_000, f"it has 491,520,000 pixels, and {MOST}"),
    ):
        (rooms.parent / "a.png").write_bytes(png(width, 8192))
        said = here("predict", NETWORK, "a.png")[2]
        assert said == f"segbench: cannot read image 'a.png': {words}\n"


BUDGET = '[[limit]]\nmodel = "segfast"\nmetric = "params"\nat-most = 1\n'
MEASURING = {
    "profile": ("profile", "segfast"),
    "compare": ("compare", "segfast", "segnet"),
    "check": ("check", "segfast", "--limit", "latency.forward.p50_s <= 1 s"),
}


@pytest.mark.parametrize("command", MEASURING.values(), ids=MEASURING)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"these are notes", KNOWN),
        (WHOLE["PNG"][:500], "it is damaged (image file is truncated)"),
        (png(8193, 8192), f"it has 8193 x 8192 pixels, and {MOST}"),
    ],
    ids=("notes", "cut off", "large"),
)
def test_an_input_that_is_no_picture_is_refused_before_a_worker_starts(
    here, rooms, monkeypatch, command, content, words
):
    def forbidden(*_, **__):
        raise AssertionError("a process was started")

    (rooms.parent / "a.png").write_bytes(content)
    monkeypatch.setattr(subprocess, "Popen", forbidden)
    code, out, said = here(*command, "--input", "a.png")
    assert (code, out) == (2, "")
    assert said == f"segbench: cannot read picture 'a.png': {words}\n"


def limited():
    """Let a process take 8 GiB of addresses: what reads on for ever fails, and hurts nobody."""
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


def run(*arguments, folder, seconds=60):
    return subprocess.run(
        [sys.executable, "-m", "segbench", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        preexec_fn=limited,
    )


def test_an_input_without_an_end_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("/dev/zero", "pipe.png"):
        done = run("profile", "segfast", "--input", name, folder=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (
            2,
            "",
            f"segbench: cannot read picture {name!r}: it is a pipe or a device, no file\n",
        )


def broken_exif():
    """Return a JPEG whose EXIF data says that there is more of it than there is."""
    exif = (
        b"Exif\0\0II*\0\x08\0\0\0" + b"\xff\x00" + b"\x0e\x01\x02\0\xff\xff\0\0\xff\xff\xff\x7f" * 3
    )
    return picture_of("JPEG", exif=exif)


def test_what_a_picture_is_read_in_spite_of_is_not_spoken_of(rooms):
    """Also what C libraries write, past Python."""
    images = rooms / "train" / "images"
    (images / "0.png").write_bytes(WHOLE["PNG-palette"])
    (images / "1.png").write_bytes(broken_exif())
    done = run("data", "check", "rooms", folder=rooms.parent)
    assert (done.returncode, done.stderr) == (0, "")
    lzw = bytearray(WHOLE["TIFF-tiff_lzw"])
    lzw[8:1000] = bytes(992)
    (images / "2.png").write_bytes(bytes(lzw))
    done = run("data", "check", "rooms", folder=rooms.parent)
    assert (done.returncode, done.stderr) == (5, "")
    assert "cannot read image 'rooms/train/images/2.png': it is damaged" in done.stdout


def test_warnings_of_others_are_given_as_before_when_a_picture_was_read():
    before = len(warnings.filters)
    for _ in range(3):
        decode_picture(WHOLE["PNG-palette"], source="it", mode="RGB")
    assert len(warnings.filters) <= before + 1  # which is for Pillow's
    with pytest.warns(UserWarning, match="^mine$"):
        warnings.warn("mine", stacklevel=1)


def ending_in_nothing(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def endless(path):
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def looped(path):
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def large(path):
    with path.open("wb") as file:
        file.truncate(1 << 33)


PIPE = "it is a pipe or a device, no file"


@pytest.mark.parametrize("kind", ["image", "label"])
@pytest.mark.parametrize(
    ("place", "words"),
    [
        (ending_in_nothing, PIPE),
        (endless, PIPE),
        (looped, "too many levels of symbolic links"),
        (large, "it is larger than 512 MiB"),
    ],
)
def test_a_scene_that_is_no_file_is_a_problem_among_others(rooms, kind, place, words):
    path = f"rooms/train/{kind}s/3.png"
    place(rooms.parent / path)
    done = run("data", "check", "rooms", folder=rooms.parent)
    assert (done.returncode, done.stderr) == (5, "")
    assert "14 scenes, 1 problem" in done.stdout
    assert f"cannot read {kind} {path!r}: {words}" in " ".join(done.stdout.split())


def test_names_of_files_give_no_orders_to_the_terminal(rooms):
    """Nor need they be text."""
    (rooms / "train/images/0.png").rename(rooms / "train/images/\x1b[31mred\n.png")
    (rooms / "train/labels/0.png").rename(rooms / "train/labels/\udcff.png")
    done = run("data", "check", "rooms", folder=rooms.parent)
    assert (done.returncode, done.stderr) == (5, "")
    assert "\x1b" not in done.stdout
    assert "rooms/train/images/\\x1b[31mred .png has no partner" in done.stdout
    assert "rooms/train/labels/\\udcff.png has no partner" in done.stdout


def test_a_sheet_of_a_damaged_scene_is_one_line_and_no_file(here, rooms):
    (rooms / "train/images/0.png").write_bytes(WHOLE["AVIF" if "AVIF" in WHOLE else "PNG"][:300])
    code, out, said = here("data", "show", "rooms", "--output", "sheet.png")
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert said.startswith("segbench: cannot read image 'rooms/train/images/0.png': ")
    assert not (rooms.parent / "sheet.png").exists()


TABLE = "cannot read the classes 'rooms/classes.csv': "
CONTROLS = "which has control characters; leave them out"
COUNT = "classes; 1 to 254 can be told apart"
HEADING = b"name,red,green,blue\n"


def at(line, words):
    """Return what is said of a line of the class file."""
    return f"rooms/classes.csv: line {line} {words}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name\nfl\0oor\nwall\n", at(2, rf"names the class 'fl\x00oor', {CONTROLS}")),
        (b"name\nfl\x1b[2Joor\nwall\n", at(2, rf"names the class 'fl\x1b[2Joor', {CONTROLS}")),
        (b"name\nfl\xc2\x9b2oor\nwall\n", at(2, rf"names the class 'fl\x9b2oor', {CONTROLS}")),
        (b'name\n"fl\noor"\nwall\n', at(3, rf"names the class 'fl\noor', {CONTROLS}")),
        (
            b"name\n" + b"x" * 201 + b"\nwall\n",
            at(2, "names a class with 201 characters; 200 are the most"),
        ),
        (
            b"name\nfloor\n\nwall\nfloor\n",
            at(5, "names the class 'floor' again, which line 2 names; give each class a name of "
               "its own"),
        ),
        (b'name\n""\nwall\n', at(2, "names no class; give it a name")),
        (
            HEADING + b"a,1,2,3\nb,1,2,3\n",
            at(3, "has the colour 1,2,3, which is that of line 2; give each class a colour of its "
               "own"),
        ),
        (
            HEADING + b"a,1,2," + b"9" * 400 + b"\n",
            at(2, f"has the colour 1,2,{'9' * 400}; write three numbers from 0 to 255"),
        ),
        (b"name\n" + b"a\n" * 1_000_000, f"rooms/classes.csv: it names 1,000,000 {COUNT}"),
        (b"name\nvoid\n", f"rooms/classes.csv: it names 0 {COUNT}"),
        (b"name\n" + b"x" * 200_000, f"{TABLE}line 2: field larger than field limit (131072)"),
        (b'name\nfloor\n"wall\n', f"{TABLE}line 3: unexpected end of data"),
        (b"name\n\xff\xfe\n", f"{TABLE}it is not text"),
        (b"name\n" + b"a" * (16 << 20), f"{TABLE}it is larger than 16 MiB"),
    ],
    ids=lambda value: value.partition(b"\n")[2][:12].hex() if isinstance(value, bytes) else "",
)  # fmt: skip
def test_a_class_file_that_is_mean_is_one_line(here, rooms, content, words):
    (rooms / "classes.csv").write_bytes(content)
    assert here("data", "check", "rooms") == (2, "", f"segbench: {words}\n")


def test_colours_of_5000_digits_are_one_line(here, rooms):
    """Python refuses to make numbers of so many."""
    digits = "9" * 5000
    (rooms / "classes.csv").write_text(f"name,red,green,blue\na,1,2,{digits}\n")
    code, out, said = here("data", "check", "rooms")
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert said.startswith("segbench: rooms/classes.csv: line 2 has the colour 1,2,999")
    assert said.endswith("9; write three numbers from 0 to 255\n")


@pytest.mark.parametrize(
    ("place", "words"),
    [(ending_in_nothing, PIPE), (endless, PIPE), (looped, "too many levels of symbolic links"),
     (large, "it is larger than 16 MiB")],
)  # fmt: skip
def test_a_class_file_that_is_no_file_is_one_line(rooms, place, words):
    place(rooms / "classes.csv")
    done = run("data", "check", "rooms", folder=rooms.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"segbench: {TABLE}{words}\n"


def camvid(root):
    """Write a copy of one scene of training in the tutorial's layout, and return its home."""
    home = root / "camvid"
    for split in ("train", "val", "test"):
        write_image(home / split / "a.png")
        write_indices(home / f"{split}annot" / "a.png", plane(0))
    return home


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (ending_in_nothing, PIPE),
        (endless, PIPE),
        (os.mkdir, "is a directory"),
        (large, "it is larger than 16 MiB"),
        (lambda path: path.write_bytes(b"\xff"), "it is not text"),
    ],
)
def test_a_list_that_is_no_text_is_one_line(root, place, words):
    place(camvid(root) / "train.txt")
    done = run("data", "check", "camvid", "--data-root", str(root), folder=root)
    path = str(root / "camvid" / "train.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"segbench: cannot read list {path!r}: {words}\n"


def test_a_list_of_files_that_cannot_be_is_no_fault_of_segbench(root, here):
    home = camvid(root)
    (home / "train.txt").write_text("a\0.png b\0.png\ntrain/a.png trainannot/a.png\n")
    code, out, said = here("data", "check", "camvid", "--data-root", str(root))
    assert (code, said) == (5, "")
    assert f"{home}/a\\x00.png has no partner" in out.replace("\n", "")
    (home / "train.txt").write_text(f"{'a' * 300}.png b.png\n")
    path = str(home / f"{'a' * 300}.png")
    code, _, said = here("data", "check", "camvid", "--data-root", str(root))
    assert (code, said) == (2, f"segbench: cannot read {path!r}: file name too long\n")


@pytest.mark.parametrize("color", ["256 0 0", "-1 0 0", "\x1b[31m 0 0"])
def test_a_table_of_colours_that_are_none_is_one_line(root, here, color):
    root.mkdir()
    (root / "label_colors.txt").write_text(f"{color} Sky\n")
    path = str(root / "label_colors.txt")
    code, out, said = here("data", "check", "camvid", "--data-root", str(root))
    assert (code, out) == (2, "")
    assert said == (
        f"segbench: cannot read the table of colours {path!r}: row 1 has the colour {color!r}; "
        "each row has a class's name and its red, green and blue, from 0 to 255\n"
    )


def video_of(path, *, codec="mpeg4", size=(48, 32), frames=3, **options):
    with av.open(str(path), "w") as target:
        stream = target.add_stream(codec, rate=10)
        stream.width, stream.height = size
        for name, value in options.items():
            setattr(stream, name, value)
        for _ in range(frames):
            picture = av.VideoFrame.from_ndarray(
                np.zeros((*size[::-1], 3), np.uint8), format="rgb24"
            )
            target.mux(stream.encode(picture))
        target.mux(stream.encode())
    return path.read_bytes()


def sound(path):
    with av.open(str(path), "w") as target:
        stream = target.add_stream("aac", rate=44_100)
        silence = np.zeros((1, 44_100), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate = 44_100
        target.mux(stream.encode(frame))
        target.mux(stream.encode())


def with_another_codec(path):
    path.write_bytes(video_of(path).replace(b"FMP4", b"ZZZZ"))


def cut_off(path):
    content = video_of(path, frames=20)
    path.write_bytes(content[: len(content) // 2])


def without_frames(path):
    video_of(path, frames=0)


def written(content):
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [
        ("a.mp4", written(b""), "invalid data found when processing input"),
        ("a.mp4", written(b"no video"), "invalid data found when processing input"),
        (
            "a.mp4",
            written(WHOLE["PNG"]),
            "its format is none of mov, avi, matroska, mpegts, mpeg, m4v",
        ),
        ("a.avi", written(b"#EXTM3U\n#EXTINF:1\n/etc/passwd\n#EXT-X-ENDLIST\n"), None),
        ("a.mp4", sound, "it has no pictures"),
        ("a.avi", with_another_codec, "its codec is not known"),
        ("a.mp4", cut_off, None),
        ("a.mp4", os.mkdir, "is a directory"),
    ],
)
def test_a_video_that_cannot_be_read_is_one_line_and_no_file(here, rooms, name, place, words):
    place(rooms.parent / name)
    code, out, said = here("predict", NETWORK, name, "--out", "new")
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert said.startswith(f"segbench: cannot read video {name!r}: {words or ''}")
    assert words is None or said.endswith(f"{words}\n")
    assert not list(rooms.parent.glob("new/*"))


def test_a_video_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    done = run("predict", NETWORK, "a.mp4", "--out", "new", folder=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        f"segbench: cannot read video 'a.mp4': {PIPE}\n",
    )
    assert not list(tmp_path.glob("new/*"))


def test_a_video_of_too_many_pixels_is_refused(here, rooms):
    side = 8200
    with av.open(str(rooms.parent / "a.mkv"), "w") as target:
        stream = target.add_stream("rawvideo", rate=10)
        stream.width, stream.height, stream.pix_fmt = side, side, "gray"
        picture = av.VideoFrame.from_ndarray(np.zeros((side, side), np.uint8), format="gray")
        target.mux(stream.encode(picture))
        target.mux(stream.encode())
    assert here("predict", NETWORK, "a.mkv", "--out", "new") == (
        2,
        "",
        f"segbench: cannot read video 'a.mkv': it has 8200 x 8200 pixels, and {MOST}\n",
    )
    assert not list(rooms.parent.glob("new/*"))


def test_a_video_whose_title_is_not_text_is_read(here, rooms):
    path = rooms.parent / "a.mkv"
    with av.open(str(path), "w") as target:
        target.metadata["title"] = "TITLE"
        stream = target.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 48, 32
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 48, 3), np.uint8), format="rgb24")
        target.mux(stream.encode(picture))
        target.mux(stream.encode())
    path.write_bytes(path.read_bytes().replace(b"TITLE", b"\xff\xfe\xfd\xfc\xfb"))
    code, _, said = here("predict", NETWORK, "a.mkv", "--out", "new")
    assert (code, said) == (0, "")
    assert (rooms.parent / "new" / "a.mp4").is_file()


class Blind:
    """A network that sees the first class everywhere, at once."""

    classes = (LabelClass("floor", (1, 2, 3)),)

    def predict(self, image):
        return np.zeros(image.shape[:2], np.uint8)


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
def test_a_damaged_video_is_predicted_or_one_error_and_no_file(tmp_path, name):
    path, out = tmp_path / name, tmp_path / "new"
    whole = video_of(path)
    chance = seeded(name)
    ends = set()
    for _ in range(150):
        path.write_bytes(damaged(whole, chance))
        try:
            predict_video(Blind(), path, out, progress=lambda *_: None)
        except DataError as error:
            ends.add(str(error).partition(repr(str(path)))[0])
            assert not out.exists() or list(out.iterdir()) == []
        else:
            (out / "a.mp4").unlink()
    assert ends <= {"cannot read video ", "video "}
