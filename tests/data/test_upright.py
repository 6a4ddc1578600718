"""Pictures that lie in their files: turned as EXIF says, wherever segbench opens one."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, features

from segbench.data.folder import open_folder
from segbench.data.pictures import decode_picture
from segbench.data.scenes import read_scene
from segbench.data.synthia import read_first_of_16_bits
from segbench.runtimes.inputs import normalised, read_picture
from segbench.training.predict import read_pictures

ORIENTATION = 0x0112
HEIGHT, WIDTH = 30, 40
# Where row 0 and column 0 of the file are to be seen: EXIF 2.32, 4.6.4.A, Orientation.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def lying(upright, orientation):
    """Return the pixels of the file of a picture that is seen so."""
    rows, columns = SIDES[orientation]
    turned = upright if rows in {"top", "bottom"} else upright.swapaxes(0, 1)
    turned = turned[::-1] if rows in {"bottom", "right"} else turned
    return turned[:, ::-1] if columns in {"bottom", "right"} else turned


def write(path, pixels, orientation, *, form="PNG", palette=None, **options):
    """Write a picture that is seen as these pixels, and lies in its file otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = Image.fromarray(np.ascontiguousarray(lying(pixels, orientation)))
    if palette:
        picture.putpalette(palette)
    picture.save(path, form, exif=exif, **options)


def ramp():
    """Return a picture that no turn leaves as it is: darker to the left and to the top."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([4 * rows, 3 * columns, rows + columns], axis=-1).astype(np.uint8)


FORMS = {
    "PNG": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 95, "subsampling": 0},
    **({"AVIF": {"quality": 95}} if features.check("avif") else {}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", SIDES)
def test_an_image_is_turned_as_its_file_says_in_every_format(tmp_path, orientation, form):
    write(tmp_path / "a", ramp(), orientation, form=form, **FORMS[form])
    [seen] = read_pictures([tmp_path / "a"])
    assert seen.image.shape == (HEIGHT, WIDTH, 3)
    apart = np.abs(seen.image.astype(int) - ramp())
    assert apart.max() <= (0 if form in {"PNG", "TIFF", "WEBP"} else 16)


@pytest.mark.parametrize("of_image", SIDES)
@pytest.mark.parametrize("palette", [None, [10, 20, 30, 200, 0, 0]])
def test_an_image_and_its_label_fit_each_other_however_each_lies(tmp_path, of_image, palette):
    of_label = 9 - of_image
    home = tmp_path / "house"
    label = (np.mgrid[:HEIGHT, :WIDTH].sum(axis=0) < 20).astype(np.uint8)
    write(home / "train/images/a.png", ramp(), of_image)
    write(home / "train/labels/a.png", label, of_label, palette=palette)
    (home / "classes.csv").write_text("name,red,green,blue\nfloor,10,20,30\nwall,200,0,0\n")
    image, found = read_scene(open_folder(home).splits["train"][0])
    np.testing.assert_array_equal(image, ramp())
    np.testing.assert_array_equal(found, label)


@pytest.mark.parametrize("orientation", SIDES)
def test_16_bits_of_grey_are_turned_too(tmp_path, orientation):
    deep = ramp()[..., 0].astype(np.uint16) * 257  # white of 16 bits for that of 8
    for form in ("PNG", "TIFF"):
        write(tmp_path / "a", deep, orientation, form=form)
        found = decode_picture((tmp_path / "a").read_bytes(), source="it", mode="RGB")
        np.testing.assert_array_equal(np.asarray(found)[..., 1], ramp()[..., 0])


@pytest.mark.parametrize("orientation", SIDES)
def test_an_input_of_profile_is_turned(tmp_path, orientation):
    write(tmp_path / "a.png", ramp(), orientation)
    found = read_picture(tmp_path / "a.png", shape=(1, 3, HEIGHT, WIDTH))
    torch.testing.assert_close(found, normalised(torch.from_numpy(ramp())[None]))


@pytest.mark.parametrize("orientation", SIDES)
def test_a_label_that_opencv_reads_is_turned(tmp_path, orientation):
    pytest.importorskip("cv2")
    ids = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    write(tmp_path / "a.png", ids, orientation)
    np.testing.assert_array_equal(read_first_of_16_bits(tmp_path / "a.png"), ids)


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_mask_of_predict_lies_over_its_image(here, rooms, orientation):
    folder = rooms.parent
    (folder / "upright").mkdir()
    Image.fromarray(ramp()).save(folder / "upright/a.png")
    write(folder / "lying/a.png", ramp(), orientation)
    for name in ("upright", "lying"):
        code, _, said = here("predict", "segfast-streets", f"{name}/a.png", "--out", f"of-{name}")
        assert code == 0, said
    masks = []
    for name in ("upright", "lying"):
        with Image.open(folder / f"of-{name}" / "a_mask.png") as mask:
            masks.append(np.asarray(mask))
    assert masks[1].shape == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(*masks)


def test_xmp_says_how_a_picture_lies_where_exif_does_not():
    content = io.BytesIO()
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    Image.fromarray(np.ascontiguousarray(lying(ramp(), 6))).save(
        content, "JPEG", quality=95, subsampling=0, xmp=xmp
    )
    found = np.asarray(decode_picture(content.getvalue(), source="it", mode="RGB"))
    assert found.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(found.astype(int) - ramp()).max() <= 16


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_turns_nothing(tmp_path, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(ramp()).save(tmp_path / "a.png", exif=exif)
    found = decode_picture((tmp_path / "a.png").read_bytes(), source="it")
    np.testing.assert_array_equal(np.asarray(found), ramp())
