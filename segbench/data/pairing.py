"""Scenes that lie in files: images paired with their labels, by name or by a list."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

import numpy as np

from segbench.data.dataset_files import describe_file, is_file, load_text
from segbench.data.errors import DataError
from segbench.data.pictures import load_picture

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
        """The paths of both files, their sizes, when they were written, and how labels are read."""
        files = (describe_file(path) for path in (self.image_path, self.label_path))
        return " ".join([*files, getattr(self.codes, "fingerprint", "")])

    def image(self) -> Pixels:
        """Return the image, (height, width, 3)."""
        return np.asarray(load_picture(self.image_path, what="image", mode="RGB"))

    def label(self) -> Pixels:
        """Return the class ids of its pixels, (height, width)."""
        return self.codes.read(self.label_path)


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


def composed(name: str) -> str:
    """Return a name in the form that the same letters have wherever they come from.

    >>> composed("Cafe\u0301") == composed("Caf\u00e9")
    True
    """
    return unicodedata.normalize("NFC", name)
