"""Pictures: found in a folder, opened, checked, decoded, and turned upright.

The one place where segbench opens a picture. What is in a picture's file is not trusted: its format
is one of a list, its size is limited before it is decoded, and whatever is wrong with it is one
line. A picture is turned as its EXIF orientation says, and more than 8 bits become 8 by a stated
rule, or are refused.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import io
import logging
import math
import re
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from segbench.data.dataset_files import load_content
from segbench.data.errors import DataError
from segbench.errors import one_line, os_reason

MOST_PIXELS = 1 << 26  # of a picture: 8192x8192
MOST_PICTURE_BYTES = 1 << 29  # of a picture's file: so many pixels with 8 bytes each
# What photographs and masks come in, as Pillow calls it; a JPEG may be one of several (MPO). Others
# that Pillow knows are icons, textures and data; for EPS it would start another program.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")
INEXACT_FORMATS = ("JPEG", "MPO")  # whose pixels are not those that were saved
# How a picture that lies in its file with an EXIF orientation comes to stand upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Of JPEG 2000 (ISO/IEC 15444-1, A.5.1): the markers before the sizes, and how far behind where
# they begin the depth of the first channel is, less one.
SIZES, DEPTH_BEHIND, BITS = b"\xff\x4f\xff\x51", 42, 8
WHITE_OF_16_BITS = (1 << 16) - 1
WHITES = {"I;12": (1 << 12) - 1}  # of how Pillow calls values in a file that have fewer bits
FORMATS_OF_16_BITS = ("PNG", "PPM")  # whose mode I has 16 bits, not 32


def load_picture(
    path: Path, *, what: str, mode: Literal["RGB"] | None = None, exact: bool = False
) -> Image.Image:
    """Read a picture, all of it, and turn it upright.

    Args:
        what: what to call it in an error.
        mode: ``RGB`` for 8 bits of red, green and blue; as its file has them if None.
        exact: refuse a picture whose pixels are not to the bit what was saved.

    Raises:
        DataError: it is not there, or not a whole picture of a format that is read, or too large;
            or what it holds cannot be brought into the mode, or is not exact.
    """
    content = load_content(path, what=what, most=MOST_PICTURE_BYTES)
    return decode_picture(content, source=f"{what} {str(path)!r}", mode=mode, exact=exact)


def decode_picture(
    content: bytes, *, source: str, mode: Literal["RGB"] | None = None, exact: bool = False
) -> Image.Image:
    """Decode what a picture's file holds, see :func:`load_picture`.

    Args:
        source: what to call it in an error.

    >>> decode_picture(b"notes", source="it")
    Traceback (most recent call last):
    segbench.data.errors.DataError: cannot read it: no picture that Pillow reads as AVIF, BMP, \
GIF, JPEG, JPEG2000, PNG, PPM, TGA, TIFF, WEBP
    """
    try:
        with _opened(content) as picture:
            check_size(picture.size, source=source)
            _check_jpeg2000(picture, content, source)
            if exact:
                _check_exact(picture, source)
            white = _white_of(picture)  # of which a loaded picture tells nothing
            picture.load()
            found = upright(picture, orientation_of(picture))
            return found if mode is None else _in_colors(found, white, source)
    except DataError:
        raise
    except Exception as error:  # Pillow raises all kinds of errors on damaged files
        raise DataError(f"cannot read {source}: {_reason(error)}") from error


def _opened(content: bytes) -> Image.Image:
    _quieten_warnings()
    _quieten_libraries()
    return Image.open(io.BytesIO(content), formats=_formats())


def orientation_in(content: bytes) -> int:
    """Return the EXIF orientation of a picture's file, 1 where it lies upright or nothing is said.

    >>> orientation_in(b"notes")
    1
    """
    try:
        with _opened(content) as picture:
            return orientation_of(picture)
    except Exception:  # noqa: BLE001 - Pillow raises all kinds of errors on damaged files
        return 1


def orientation_of(picture: Image.Image) -> int:
    """Return the EXIF orientation that a picture still has.

    That of a TIFF is gone once it is loaded, for Pillow turns it then.

    >>> orientation_of(Image.new("L", (2, 1)))
    1
    """
    try:
        found = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - likewise; pictures are read in spite of damaged EXIF data
        return 1
    return found if isinstance(found, int) and found in TURNS else 1


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """Return a picture as it is to be seen.

    >>> upright(Image.new("L", (2, 1)), 6).size
    (1, 2)
    """
    turn = TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _check_jpeg2000(picture: Image.Image, content: bytes, source: str) -> None:
    """Refuse a JPEG 2000 whose colours have more than 8 bits, of which Pillow makes white black.

    Raises:
        DataError: it is one.
    """
    start = content.find(SIZES) if picture.format == "JPEG2000" else -1
    depths = content[start + DEPTH_BEHIND : start + DEPTH_BEHIND + 1] if start >= 0 else b""
    if depths and (depths[0] & 0x7F) >= BITS and not picture.mode.startswith("I;16"):
        raise DataError(
            f"cannot read {source}: it is a JPEG 2000 with more than 8 bits a channel; save it "
            "with 8, or as PNG"
        )


def _check_exact(picture: Image.Image, source: str) -> None:
    """Refuse a picture whose pixels Pillow would not return as they are in its file.

    Raises:
        DataError: it is one.
    """
    if picture.format in INEXACT_FORMATS:
        raise DataError(
            f"cannot read {source}: a JPEG does not keep the values that were saved; save it as PNG"
        )
    for codec, _, _, arguments in getattr(picture, "tile", ()):
        parts = arguments if isinstance(arguments, tuple) else (arguments,)
        bits = re.fullmatch(r"(\w+);(2|4|16)\w*", str(parts[0])) if parts else None
        is_cut = bits is not None and bits[2] == "16" and picture.mode not in ("I", "I;16", "I;16B")
        is_stretched = bits is not None and bits[1] == "L" and bits[2] in ("2", "4")
        if is_cut or is_stretched or (codec.startswith("ppm") and not _is_full(parts)):
            raise DataError(
                f"cannot read {source}: its values do not have 8 bits each, and would be changed "
                "into such; save it with 8"
            )


def _is_full(arguments: tuple[object, ...]) -> bool:
    """Tell whether a PPM file's highest value is one that Pillow leaves as it is."""
    highest = arguments[1] if arguments[1:] else None
    return highest in (None, 255) or (arguments[0] == "I" and highest == WHITE_OF_16_BITS)


def _white_of(picture: Image.Image) -> int | None:
    """Return the value of white in a picture of single numbers; None if it is not known."""
    if picture.mode.startswith("I;16"):
        for *_, arguments in getattr(picture, "tile", ()):
            parts = arguments if isinstance(arguments, tuple) else (arguments,)
            if parts and parts[0] in WHITES:
                return WHITES[str(parts[0])]
        return WHITE_OF_16_BITS
    if picture.mode == "I" and picture.format in FORMATS_OF_16_BITS:
        return WHITE_OF_16_BITS
    return None


def _in_colors(picture: Image.Image, white: int | None, source: str) -> Image.Image:
    """Return a picture in 8 bits of red, green and blue.

    Raises:
        DataError: it has numbers, and which of them is white is not known.
    """
    if white is not None:
        values = np.asarray(picture).astype(np.int64)
        # white becomes 255, and all else goes by the same factor, rounded
        picture = Image.fromarray(((2 * 255 * values + white) // (2 * white)).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        kind = "whole numbers of 32 bits" if picture.mode == "I" else "floating-point numbers"
        raise DataError(
            f"cannot read {source}: it has {kind}, of which none is known to be white; save it "
            "with 8 or 16 bits"
        )
    return picture.convert("RGB")


def check_size(size: tuple[int, int], *, source: str) -> None:
    """Refuse a picture without pixels, or with more than are read.

    Args:
        size: width and height.

    Raises:
        DataError: it is one.
    """
    width, height = size
    if width < 1 or height < 1:
        raise DataError(f"cannot read {source}: it has no pixels ({width} x {height})")
    if width * height > MOST_PIXELS:
        raise DataError(f"cannot read {source}: {_too_large(f'{width} x {height}')}")


def _too_large(size: str) -> str:
    side = math.isqrt(MOST_PIXELS)
    return f"it has {size} pixels, and {side} x {side} are the most that is read; make it smaller"


def _reason(error: Exception) -> str:
    """Return what is wrong with a picture that Pillow could not read."""
    if isinstance(error, UnidentifiedImageError):
        return f"no picture that Pillow reads as {', '.join(_formats())}"
    if isinstance(error, Image.DecompressionBombError):  # raised before the size could be asked for
        found = re.search(r"\((\d+) pixels\)", str(error))
        return _too_large(f"{int(found[1]):,}" if found else "too many")
    return f"it is damaged ({one_line(str(error)) or type(error).__name__})"


@functools.cache
def _formats() -> tuple[str, ...]:
    """Return the formats that this build of Pillow reads, of those that are wanted."""
    Image.init()
    return tuple(each for each in FORMATS if each in Image.OPEN)


_IGNORED = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as `warnings` keeps it


def _quieten_warnings() -> None:
    """Keep what Pillow warns of from standard error.

    What is wrong with a file is an error or does not matter. The filter stays: one that came and
    went with each picture would let every other warning be given again and again.
    """
    if _IGNORED not in warnings.filters:
        warnings.filterwarnings("ignore", module=_IGNORED[3].pattern)


@functools.cache
def _quieten_libraries() -> None:
    """Let neither Pillow's log nor the library that reads TIFF write to standard error."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    with contextlib.suppress(OSError, AttributeError, TypeError):  # it may be linked another way
        ctypes.CDLL(importlib.import_module("PIL._imaging").__file__).TIFFSetErrorHandler(None)


def pictures_in(folder: Path) -> list[Path]:
    """Return the picture files of a folder by name; none if it does not exist.

    Raises:
        DataError: the folder may not be read.
    """
    endings = Image.registered_extensions()
    try:
        files = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in endings and not path.name.startswith(".")
        ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"cannot read {str(folder)!r}: {os_reason(error)}") from error
    return sorted(files)
