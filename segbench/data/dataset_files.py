"""Files and folders of a dataset: whether they are there, and what they hold.

What may not be read, has no end, or is too large to be what it is taken for is one line.
"""

from __future__ import annotations

import stat
from pathlib import Path

from segbench.data.errors import DataError
from segbench.errors import os_reason
from zoo.files import FileError, read_bytes, read_text

MOST_TEXT_BYTES = 16 << 20  # of a list of scenes, or a table of classes


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


def is_file(path: Path) -> bool:
    """Tell whether there is such a regular file.

    Raises:
        DataError: that cannot be found out.
    """
    try:
        return path.is_file()
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {os_reason(error)}") from error


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
