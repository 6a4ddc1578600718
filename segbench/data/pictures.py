"""Scenes that lie in files: pictures read, and images paired with their labels.

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
import os
import re
import stat
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from segbench.data.errors import DataError
from segbench.errors import one_line, os_reason
from zoo.files import FileError, read_bytes, read_text

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels

MOST_PIXELS = 1 << 26  # of a picture: 8192x8192
MOST_PICTURE_BYTES = 1 << 29  # of a picture's file: so many pixels with 8 bytes each
MOST_TEXT_BYTES = 16 << 20  # of a list of scenes, or a table of classes
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


class Codes(Protocol):
    """How a dataset's label files are read."""

    def read(self, path: Path) -> Pixels:
        """Return class ids, (height, width)."""
        ...


@dataclass(frozen=True)
class FileScene:
    """An image file and its label file."""

    name: str
    image_path: Path
    label_path: Path
    codes: Codes

    @property
    def fingerprint(self) -> str:
        """The paths of both files, their sizes, when they were written, and how labels are read."""
        files = (describe_file(path) for path in (self.image_path, self.label_path))
        return " ".join([*files, getattr(self.codes, "fingerprint", "")])

    def image(self) -> Pixels:
        """Return the image, (height, width, 3)."""
        return np.asarray(load_picture(self.image_path, what="image", mode="RGB"))

    def label(self) -> Pixels:
        """Return the class ids of its pixels, (height, width)."""
        return self.codes.read(self.label_path)


def describe_file(path: Path) -> str:
    """Return a file's path, its size, and when it was written.

    Raises:
        DataError: it cannot be read.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {os_reason(error)}") from error
    return f"{path.resolve()}:{found.st_size}:{found.st_mtime_ns}"


@dataclass(frozen=True)
class Pairing:
    """The scenes of a split, and the files that have no partner.

    Attributes:
        reasons: for a file without one, why: what was expected, as the rest of a sentence.
    """

    scenes: tuple[FileScene, ...]
    unpaired: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)


def reasons_of(pairings: Iterable[Pairing]) -> dict[str, str]:
    """Return why files of any of these have no partner."""
    return {path: reason for pairing in pairings for path, reason in pairing.reasons.items()}


_IGNORED = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as `warnings` keeps it


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


def load_content(path: Path, *, what: str, most: int = MOST_TEXT_BYTES) -> bytes:
    """Return what a dataset's file holds; it must be one, for a pipe might never end.

    Args:
        what: what to call it in an error.
        most: bytes that it may have.

    Raises:
        DataError: it cannot be read, is no regular file, or has more than so many bytes.
    """
    check_kind(path, what)
    try:
        return read_bytes(path, what=what, most=most)
    except FileError as error:
        raise DataError(str(error)) from error


def load_text(path: Path, *, what: str) -> str:
    """Return the text of a dataset's list or table, see :func:`load_content`.

    Raises:
        DataError: it cannot be read, is no regular file, too large, or not UTF-8.
    """
    check_kind(path, what)
    try:
        return read_text(path, what=what, most=MOST_TEXT_BYTES)
    except FileError as error:
        raise DataError(str(error)) from error


def check_kind(path: Path, what: str) -> None:
    """Refuse a pipe or a device, which might never end; who reads what is not there says so.

    Raises:
        DataError: it is one.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise DataError(f"cannot read {what} {str(path)!r}: it is a pipe or a device, no file")


def is_folder(path: Path) -> bool:
    """Tell whether there is such a folder.

    Raises:
        DataError: that cannot be found out.
    """
    try:
        return path.is_dir()
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {os_reason(error)}") from error


def folders_in(path: Path) -> list[Path]:
    """Return the folders in a folder by name, without hidden ones; none if there is no such folder.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return sorted(
            each for each in path.iterdir() if not each.name.startswith(".") and each.is_dir()
        )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {os_reason(error)}") from error


def is_file(path: Path) -> bool:
    """Tell whether there is such a regular file.

    Raises:
        DataError: that cannot be found out.
    """
    try:
        return path.is_file()
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {os_reason(error)}") from error


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


def pair_by_stem(
    images: Sequence[Path],
    labels: Sequence[Path],
    codes: Codes,
    *,
    image_stem: Callable[[str], str | None] = str,
    label_stem: Callable[[str], str | None] = str,
    label_end: str = "",
) -> Pairing:
    """Pair files whose names agree but for their endings, and for how Unicode writes a letter.

    Args:
        image_stem: what of an image's stem has to agree; None for a file that is no image.
        label_stem: the same for labels.
        label_end: what a label's stem has behind what has to agree, for an error.
    """
    wanted = [(image, key) for image in images if (key := image_stem(image.stem)) is not None]
    known = [(label, key) for label in labels if (key := label_stem(label.stem)) is not None]
    label_of: dict[Path, Path] = {}
    # A name as it is written comes before the same in Unicode's other form.
    for form in (str, composed):
        taken = set(label_of.values())
        free = {form(key): label for label, key in known if label not in taken}
        for image, key in wanted:
            if image not in label_of and form(key) in free:
                label_of[image] = free.pop(form(key))
    taken = set(label_of.values())
    reasons = {
        str(image): _lacks("label", f"{key}{label_end}")
        for image, key in wanted
        if image not in label_of
    }
    reasons |= {str(label): _lacks("image", key) for label, key in known if label not in taken}
    return Pairing(
        tuple(
            FileScene(key, image, label_of[image], codes)
            for image, key in wanted
            if image in label_of
        ),
        tuple(reasons),
        reasons,
    )


def composed(name: str) -> str:
    """Return a name in the form that the same letters have wherever they come from.

    >>> composed("Cafe\u0301") == composed("Caf\u00e9")
    True
    """
    return unicodedata.normalize("NFC", name)


def _lacks(what: str, stem: str) -> str:
    return f"has no partner: no {what} is left whose name without its ending is {stem!r}"


def pair_by_list(listing: Path, root: Path, codes: Codes, *, prefix: str = "") -> Pairing:
    """Pair files as the lines ``image label`` of a list have them, relative to a root.

    Backslashes in paths are read as slashes, and letters in either form of Unicode, where there is
    no file of the very name. Names with spaces need a tab between the two paths, unless only one
    way to divide the line names two files.

    Args:
        prefix: what paths in the list may begin with, and do not in this copy.

    Raises:
        DataError: the list cannot be read, or a line of it is no pair.
    """
    finder = _Finder(root)
    scenes: list[FileScene] = []
    missing: dict[str, str] = {}
    for number, line in enumerate(load_text(listing, what="list").splitlines(), 1):
        if not line.strip():
            continue
        ways = [
            tuple(_without_prefix(word, prefix) for word in words)
            for words in _ways_to_divide(line)
        ]
        found = [tuple(map(finder.find, words)) for words in ways]
        whole = [pair for pair in found if None not in pair]
        if len(whole) == 1 and (image := whole[0][0]) and (label := whole[0][1]):
            scenes.append(FileScene(image.stem, image, label, codes))
        elif len(ways) == 1:
            for word, path in zip(ways[0], found[0], strict=True):
                if path is None:
                    missing[str(root / word)] = (
                        f"has no partner: there is no such file, and {listing}:{number} names it"
                    )
        else:
            raise DataError(f"{listing}:{number}: {line.strip()!r} {_no_pair(len(ways))}")
    return Pairing(tuple(scenes), tuple(missing), missing)


def _no_pair(ways: int) -> str:
    if not ways:
        return "is not an image and a label; write two paths with a space between them"
    return (
        "names no image and label, or several, for there are spaces in it; write a tab between the "
        "two paths"
    )


def _without_prefix(path: str, prefix: str) -> str:
    """Return a path of a list as it is below the root."""
    slashed = path.replace("\\", "/")
    if prefix and slashed.startswith(prefix):
        path = slashed.removeprefix(prefix)
    return path.lstrip("/\\")


def _ways_to_divide(line: str) -> Iterator[tuple[str, str]]:
    r"""Give each way to divide a line into two paths.

    >>> list(_ways_to_divide("a.png b.png"))
    [('a.png', 'b.png')]
    >>> list(_ways_to_divide("my a.png\tb.png")), len(list(_ways_to_divide("my a.png b.png")))
    ([('my a.png', 'b.png')], 2)
    """
    left, tab, right = line.strip().partition("\t")
    if tab and right.strip() and "\t" not in right.strip():
        yield left.strip(), right.strip()
        return
    for space in re.finditer(r"\s+", line.strip()):
        yield line.strip()[: space.start()], line.strip()[space.end() :]


class _Finder:
    """Files below a folder by their paths in a list, which another system may have written."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: dict[Path, dict[str, Path]] = {}

    def find(self, path: str) -> Path | None:
        """Return the file of a path; None if there is none."""
        for each in (path, path.replace("\\", "/")):
            if is_file(self._root / each):
                return self._root / each
        return self._find_composed(path.replace("\\", "/"))

    def _find_composed(self, path: str) -> Path | None:
        found = self._root
        for part in PurePosixPath(path).parts:
            following = found / part
            if part != ".." and not os.path.lexists(following):
                following = self._names_in(found).get(composed(part), following)
            found = following
        return found if is_file(found) else None

    def _names_in(self, folder: Path) -> dict[str, Path]:
        if folder not in self._names:
            try:
                names = {composed(each.name): each for each in folder.iterdir()}
            except (OSError, ValueError):  # ValueError: a null character
                names = {}
            self._names[folder] = names
        return self._names[folder]
