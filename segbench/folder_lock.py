"""One process at a time in the folder of a run or a search."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.errors import UsageError, said_by

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK = ".lock"
WAIT_S = 5.0  # the kernel may still be ending a worker whose parent was killed


def lock_folder(folder: Path, *, wait_s: float = WAIT_S) -> BaseFileLock:
    """Make a folder if there is none, and keep other processes out until the lock is released.

    The lock is the kernel's; a process that ends or is killed leaves none.

    Raises:
        UsageError: another process has it, or it cannot be made.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lock_folder(Path(folder)).is_locked
    True
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - few need it

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {str(folder)!r}: {said_by(error)}") from error
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise UsageError(
            f"another process is at work in {str(folder)!r}; wait for it, or name another folder "
            "with --out"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot lock the folder {str(folder)!r}: {said_by(error)}") from error
    return lock


def give_up(lock: BaseFileLock) -> None:
    """Release a lock, and remove its folder if nothing has been put there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     give_up(lock_folder(Path(folder, "new")))
    ...     Path(folder, "new").exists()
    False
    """
    path = Path(lock.lock_file)
    with contextlib.suppress(OSError):  # it is gone, or another process has just come
        if list(path.parent.iterdir()) == [path]:
            path.unlink()
            path.parent.rmdir()
    lock.release()
