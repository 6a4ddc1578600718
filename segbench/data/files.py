"""Scenes that lie in files: pictures read, and images paired with their labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

from segbench.data.errors import DataError

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels


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
        """The paths of both files, their sizes, and when they were written."""
        return " ".join(_describe_file(path) for path in (self.image_path, self.label_path))

    def image(self) -> Pixels:
        """Return the image, (height, width, 3)."""
        return np.asarray(load_picture(self.image_path, what="image").convert("RGB"))

    def label(self) -> Pixels:
        """Return the class ids of its pixels, (height, width)."""
        return self.codes.read(self.label_path)


def _describe_file(path: Path) -> str:
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {(error.strerror or '').lower()}") from error
    return f"{path.resolve()}:{found.st_size}:{found.st_mtime_ns}"


@dataclass(frozen=True)
class Pairing:
    """The scenes of a split, and the files that have no partner."""

    scenes: tuple[FileScene, ...]
    unpaired: tuple[str, ...] = ()


def load_picture(path: Path, *, what: str) -> Image.Image:
    """Read a picture, all of it, as its file has it.

    Args:
        what: what to call it in an error.

    Raises:
        DataError: it is not there, or not a whole picture.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
    except UnidentifiedImageError as error:
        raise DataError(
            f"cannot read {what} {str(path)!r}: no picture that Pillow reads"
        ) from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow raises all three
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise DataError(f"cannot read {what} {str(path)!r}: {reason}") from error
    return picture


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
        raise DataError(f"cannot read {str(folder)!r}: {(error.strerror or '').lower()}") from error
    return sorted(files)


def pair_by_stem(
    images: Sequence[Path],
    labels: Sequence[Path],
    codes: Codes,
    *,
    image_stem: Callable[[str], str | None] = str,
    label_stem: Callable[[str], str | None] = str,
) -> Pairing:
    """Pair files whose names agree but for their endings.

    Args:
        image_stem: what of an image's stem has to agree; None for a file that is no image.
        label_stem: the same for labels.
    """
    by_stem = {key: path for path in labels if (key := label_stem(path.stem)) is not None}
    scenes, alone = [], []
    for image in images:
        key = image_stem(image.stem)
        if key is None:
            continue
        label = by_stem.pop(key, None)
        if label is None:
            alone.append(str(image))
        else:
            scenes.append(FileScene(key, image, label, codes))
    return Pairing(tuple(scenes), (*alone, *map(str, by_stem.values())))


def pair_by_list(listing: Path, root: Path, codes: Codes, *, prefix: str = "") -> Pairing:
    """Pair files as the lines ``image label`` of a list have them, relative to a root.

    Args:
        prefix: what paths in the list may begin with, and do not in this copy.

    Raises:
        DataError: the list cannot be read, or a line of it is no pair.
    """
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise DataError(f"cannot read list {str(listing)!r}: {reason.lower()}") from error
    scenes, missing = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        words = line.split()
        if len(words) != 2:  # noqa: PLR2004 - a pair
            raise DataError(
                f"{listing}:{number}: {line.strip()!r} is not an image and a label; "
                "write two paths with a space between them"
            )
        image, label = (root / word.removeprefix(prefix).lstrip("/") for word in words)
        absent = [str(path) for path in (image, label) if not path.is_file()]
        if absent:
            missing += absent
        else:
            scenes.append(FileScene(image.stem, image, label, codes))
    return Pairing(tuple(scenes), tuple(missing))
