"""Zip archives from elsewhere: unpacked within limits, or refused before anything is written."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from segbench.data.downloads import check_room
from segbench.errors import one_line
from segbench.progress import Progress

CHUNK_BYTES = 1 << 18
MOST_DIRECTORY_BYTES = 16 << 20  # of the list of what is in an archive
MOST_OF_NAME, MOST_OF_PATH = 255, 1000  # bytes
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # whose steps give a bounded amount
ENCRYPTED = 1  # a bit of a member's flags


class ArchiveError(Exception):
    """An archive is not whole, or not one that is unpacked; the text says what is wrong with it."""


def unpack(
    archive: io.FileIO,
    folder: str,
    target: Path,
    *,
    most_bytes: int,
    most_files: int,
    progress: Progress,
) -> Path:
    """Unpack one folder of an archive, and return where it is.

    Args:
        folder: its path in the archive; nothing else is unpacked.
        target: an empty folder to unpack into.
        most_bytes: that all its files may have together.
        progress: called with what is done, files so far and files in all.

    Raises:
        ArchiveError: the archive is damaged, encrypted, or has more than is allowed.
        WriteError: there is no room for it.
        OSError: a file cannot be written.
    """
    with _damage_told("it is no zip archive"):
        opened = zipfile.ZipFile(_BoundedFile(archive.fileno(), closefd=False))
    with opened:
        members = _members(opened, folder, most_files)
        size = sum(member.file_size for member in members.values())
        if size > most_bytes:
            raise ArchiveError(f"it has {size:,} bytes unpacked, and {most_bytes:,} are the most")
        check_room(target.parent, size)
        left = most_bytes
        for done, (path, member) in enumerate(members.items(), 1):
            left -= _unpack_member(opened, member, target / path, left)
            progress("unpacking", done, len(members))
    return target / folder


class _BoundedFile(io.FileIO):
    """An archive that is never asked for more at once than a list of its members may have.

    That list is read whole, and its size is what the archive says.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = MOST_DIRECTORY_BYTES + 1 if size is None or size < 0 else size
        content = super().read(min(wanted, MOST_DIRECTORY_BYTES + 1))
        if len(content) > MOST_DIRECTORY_BYTES:
            raise ArchiveError("the list of what is in it is too long")
        return content


@contextlib.contextmanager
def _damage_told(where: str) -> Iterator[None]:
    """Turn whatever a damaged archive leads to into one error."""
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:  # zipfile and zlib raise all kinds of errors on damaged files
        raise ArchiveError(f"{where} ({one_line(str(error)) or type(error).__name__})") from error


def _members(
    opened: zipfile.ZipFile, folder: str, most_files: int
) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Return the files of a folder by their paths, none of which is in the way of another.

    Raises:
        ArchiveError: there are none, or one cannot be unpacked.
    """
    wanted = [each for each in opened.infolist() if each.filename.startswith(f"{folder}/")]
    if not wanted:
        raise ArchiveError(f"it has no folder {folder!r}")
    if len(wanted) > most_files:
        raise ArchiveError(f"it has {len(wanted):,} files, and {most_files:,} are the most")
    files: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for member in wanted:
        path = _path_of(member)
        if member.is_dir():
            continue
        if path in files:
            raise ArchiveError(f"it has {str(path)!r} twice")
        files[path] = member
    for parent in {parent for path in files for parent in path.parents}:
        if parent in files:
            raise ArchiveError(f"it has {str(parent)!r} both as a file and as a folder")
    return files


def _path_of(member: zipfile.ZipInfo) -> PurePosixPath:
    """Return where a member is to be; it stays within the archive's folder.

    Raises:
        ArchiveError: its name leads elsewhere, or is none on this system; or it cannot be read.
    """
    name = member.filename.rstrip("/")
    shown = name[:MOST_OF_PATH]
    if member.flag_bits & ENCRYPTED:
        raise ArchiveError(f"{shown!r} in it is encrypted")
    if member.compress_type not in COMPRESSIONS:
        raise ArchiveError(f"{shown!r} in it is compressed in a way that is not read")
    parts = name.split("/")
    try:
        longest, whole = max(len(os.fsencode(part)) for part in parts), len(os.fsencode(name))
    except UnicodeEncodeError:
        longest = whole = MOST_OF_PATH + 1
    if {"", ".", ".."} & set(parts) or longest > MOST_OF_NAME or whole > MOST_OF_PATH:
        raise ArchiveError(f"{shown!r} in it is no name for a file here")
    return PurePosixPath(name)


def _unpack_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, most: int) -> int:
    """Write a file, and return how many bytes really came."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with path.open("xb") as file:
        for chunk in _chunks(opened, member):
            written += len(chunk)
            if written > most:
                raise ArchiveError(f"{member.filename!r} in it has more bytes than are said")
            file.write(chunk)
    return written


def _chunks(opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Give what a member holds, part by part, and see at its end that its checksum fits."""
    damage = f"{member.filename!r} in it is damaged"
    with _damage_told(damage):
        file = opened.open(member)
    with file:
        while True:
            with _damage_told(damage):
                chunk = file.read(CHUNK_BYTES)
            if not chunk:
                return
            yield chunk
