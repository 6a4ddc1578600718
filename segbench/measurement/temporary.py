"""A temporary folder that goes with its process, or is left for the next one to remove.

Whoever uses such a folder holds the kernel's lock on it, which ends with the process however that
ends. So a folder that nobody holds was left by one that was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from segbench.errors import WriteError, os_reason

DRAWN = "[a-z0-9_]{8}"  # what tempfile puts behind a prefix


@contextlib.contextmanager
def held_folder(prefix: str, *, holds: str) -> Iterator[Path]:
    """Give an empty folder among the system's temporary files, and remove it at the end.

    Before that, what killed processes have left of the same prefix is removed: folders of this
    user, with nothing right in them but what `holds` describes.

    Args:
        prefix: what its name begins with; the rest is drawn.
        holds: a regular expression for the names of what is put into it.

    Raises:
        WriteError: it cannot be made.
    """
    with contextlib.suppress(OSError):
        remove_leftovers(prefix, holds=holds)
    try:
        folder, lock = _make(prefix)
    except OSError as error:
        raise WriteError(f"cannot make a temporary folder: {os_reason(error)}") from error
    try:
        yield folder
    finally:
        try:
            _remove(folder)
        finally:
            if lock is not None:
                os.close(lock)


def remove_leftovers(prefix: str, *, holds: str) -> None:
    """Remove what processes that were killed have left; see :func:`held_folder`.

    Raises:
        OSError: the system's temporary files cannot be listed.
    """
    named = re.compile(re.escape(prefix) + DRAWN)
    for found in Path(tempfile.gettempdir()).iterdir():
        if named.fullmatch(found.name):
            with contextlib.suppress(OSError):  # it is somebody else's, in use, or no folder
                _remove_leftover(found, holds)


def _remove_leftover(folder: Path, holds: str) -> None:
    found = folder.lstat()
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
        return
    lock = _open_locked(folder)
    try:
        if all(re.fullmatch(holds, inner.name) for inner in folder.iterdir()):
            _remove(folder)
    finally:
        os.close(lock)


def _make(prefix: str) -> tuple[Path, int | None]:
    """Return a new folder, and the descriptor that holds its lock; None if none can be had here."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
        try:
            return folder, _open_locked(folder)
        except (BlockingIOError, FileNotFoundError):
            continue  # another process saw it before it was locked, and took it for a leftover
        except OSError:  # on a file system without locks nobody else gets one either
            return folder, None


def _open_locked(folder: Path) -> int:
    """Return a descriptor of a folder that holds its lock.

    Raises:
        BlockingIOError: another process holds it.
        FileNotFoundError: it is gone.
        OSError: it is no folder, or cannot be locked.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_there = os.path.samestat(os.fstat(descriptor), folder.lstat())
    except BaseException:
        os.close(descriptor)
        raise
    if not is_there:  # another of its name took its place before it was locked
        os.close(descriptor)
        raise FileNotFoundError(folder)
    return descriptor


def _remove(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that can be done."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    finally:  # after a second Ctrl-C, or where a folder lets nothing be removed from it
        if folder.exists():
            _open_up(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _open_up(folder: Path) -> None:
    """Give the user all rights to the folders in one."""
    for place, names, _ in os.walk(folder):
        for name in names:
            inner = Path(place, name)
            if not inner.is_symlink():
                with contextlib.suppress(OSError):
                    inner.chmod(stat.S_IRWXU)
