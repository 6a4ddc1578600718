"""Pictures with more, or fewer, than 8 bits a channel: brought to 8 by a rule, or refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from small_copies import SIZE, plane, write_16_bits, write_image, write_indices

from segbench.data.errors import DataError
from segbench.data.folder import open_folder
from segbench.data.pictures import decode_picture, load_picture

# Of 16 bits white is 65,535 = 255 * 257, so a level of 8 bits is 257 of them; half-way is 128.5.
LEVELS = {0: 0, 128: 0, 129: 1, 257: 1, 385: 1, 386: 2, 32_768: 128, 65_406: 254, 65_535: 255}


def saved(pixels, form, **options):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form, **options)
    return content.getvalue()


def in_colors(content):
    return np.asarray(decode_picture(content, source="it", mode="RGB"))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_16_bits_of_grey_become_8(form):
    levels = np.array([[*LEVELS]], np.uint16).repeat(9, 0)
    options = {"irreversible": False} if form == "JPEG2000" else {}
    found = in_colors(saved(levels, form, **options))
    assert found.shape == (9, 9, 3)
    assert found[4, :, 0].tolist() == list(LEVELS.values())
    assert (found == found[..., :1]).all()


def test_all_values_of_16_bits_are_told_apart_and_not_cut():
    values = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    counts = np.bincount(in_colors(saved(values, "PNG"))[..., 0].ravel(), minlength=256)
    # 257 values come to each level, but half as many to black and to white
    assert counts.tolist() == [129, *[257] * 254, 129]


def test_a_pgm_of_fewer_values_has_white_where_its_heading_says():
    values = np.array([[0, 2048, 4095]], ">u2")
    content = b"P5 3 1 4095\n" + values.tobytes()
    assert in_colors(content)[0, :, 0].tolist() == [0, 128, 255]


def tiff_of_12_bits(values):
    """Return a TIFF of one row with 12 bits a pixel (TIFF 6.0), two pixels in three bytes."""
    bits = "".join(f"{value:012b}" for value in values)
    row = int(bits, 2).to_bytes(len(bits) // 8, "big")
    tags = {
        256: len(values),
        257: 1,
        258: 12,
        259: 1,
        262: 1,
        273: 8,
        277: 1,
        278: 1,
        279: len(row),
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    row = row.ljust(len(row) + len(row) % 2, b"\0")
    start = struct.pack("<2sHI", b"II", 42, 8 + len(row))
    return start + row + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_12_bits_have_their_own_white():
    assert in_colors(tiff_of_12_bits([0, 2048, 4095, 16]))[0, :, 0].tolist() == [0, 128, 255, 1]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (np.int32, "whole numbers of 32 bits"),
        (np.float32, "floating-point numbers"),
    ],
)
def test_numbers_without_a_known_white_are_refused(here, rooms, kind, words):
    path = rooms / "train/images/3.tif"
    (rooms / "train/images/3.png").unlink()
    path.write_bytes(saved(np.full((24, 32), 300, kind), "TIFF"))
    code, out, _ = here("data", "check", "rooms")
    assert code == 5
    said = (
        f"cannot read image 'rooms/train/images/3.tif': it has {words}, of which none is known to "
        "be white; save it with 8 or 16 bits"
    )
    assert said in " ".join(out.split())


def test_16_bits_of_colour_are_read_by_their_higher_8(tmp_path):
    values = plane(*LEVELS)
    write_16_bits(tmp_path / "a.png", values, values)
    found = in_colors((tmp_path / "a.png").read_bytes())
    assert (np.abs(found[..., 0].astype(int) * 257 - values) < 257).all()
    assert found[0, 0, 0] == 0
    assert found[-1, -1, 0] == 255


def test_a_jpeg_2000_of_16_bits_of_colour_is_refused_for_it_would_have_black_for_white():
    cv2 = pytest.importorskip("cv2")
    for bits, kind in ((8, np.uint8), (16, np.uint16)):
        white = np.full((64, 64, 3), (1 << bits) - 1, kind)
        content = cv2.imencode(".jp2", white)[1].tobytes()
        if bits == 8:
            assert (in_colors(content) == 255).all()
            continue
        with pytest.raises(DataError) as caught:
            in_colors(content)
        assert str(caught.value) == (
            "cannot read it: it is a JPEG 2000 with more than 8 bits a channel; save it with 8, or "
            "as PNG"
        )


def png_of(values, bits, *, color_type=0):
    """Return a PNG of grey, or of indices without a palette, with few bits a pixel."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    height, width = values.shape
    rows = b""
    for row in values:
        text = "".join(f"{value:0{bits}b}" for value in row)
        text = text.ljust(-(-len(text) // 8) * 8, "0")
        rows += b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


CHANGED = "its values do not have 8 bits each, and would be changed into such; save it with 8"


@pytest.fixture
def house(tmp_path):
    home = tmp_path / "house"
    write_image(home / "train/images/a.png")
    (home / "classes.csv").write_text("name,red,green,blue\nfloor,0,0,0\nwall,9,9,9\n")
    (home / "train/labels").mkdir()
    return home


def said_of(house, name):
    path = house / "train/labels" / name
    with pytest.raises(DataError) as caught:
        open_folder(house).splits["train"][0].label()
    return str(caught.value).removeprefix(f"cannot read label {str(path)!r}: ")


@pytest.mark.parametrize("bits", [2, 4])
def test_a_label_of_few_bits_of_grey_is_refused_which_pillow_would_stretch(house, bits):
    content = png_of(plane(0, 1, 3), bits)
    (house / "train/labels/a.png").write_bytes(content)
    # 3 of 2 bits would be 255, which is void
    assert np.asarray(decode_picture(content, source="it"))[0, 2] == 3 * 255 // (2**bits - 1)
    assert said_of(house, "a.png") == CHANGED


def test_a_label_of_a_pgm_with_another_white_is_refused(house):
    rows, columns = SIZE
    content = b"P5 %d %d 11\n" % (columns, rows) + plane(0, 1, 11).astype(np.uint8).tobytes()
    (house / "train/labels/a.pgm").write_bytes(content)
    assert said_of(house, "a.pgm") == CHANGED


def test_a_label_of_16_bits_of_colour_is_refused(house):
    """Classes in the lower 8 bits, as SYNTHIA has them, would all be black."""
    write_16_bits(house / "train/labels/a.png", plane(1), plane(2))
    assert not in_colors((house / "train/labels/a.png").read_bytes()).any()
    assert said_of(house, "a.png") == CHANGED


def test_a_label_of_16_bits_of_grey_has_all_its_numbers(house):
    (house / "classes.csv").write_text("name,value\nfloor,7\nwall,40000\n")
    (house / "train/labels/a.png").write_bytes(saved(plane(7, 40_000).astype(np.uint16), "PNG"))
    label = open_folder(house).splits["train"][0].label()
    np.testing.assert_array_equal(label, plane(0, 1))


def test_a_label_in_jpeg_is_refused(house):
    write_indices(house / "train/labels/a.jpg", plane(0, 1))
    with pytest.raises(DataError) as caught:
        open_folder(house).splits["train"][0].label()
    assert str(caught.value).endswith(
        ": a JPEG does not keep the values that were saved; save it as PNG"
    )
    assert load_picture(house / "train/labels/a.jpg", what="image").mode == "L"
