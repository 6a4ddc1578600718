"""Decoding once: a split's images and labels at one size, as arrays that are mapped into memory.

A cache is a folder that appears as a whole when it is finished. Its name is a hash of what is in
it: the files with their sizes and times, the classes, the size of the images. Two processes that
want the same one wait for each other; a killed one leaves nothing that would pass for finished.
One that was damaged since is decoded anew.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from segbench.data.errors import DataError
from segbench.data.scenes import Dataset, Scene, read_scene
from segbench.errors import WriteError, os_reason
from segbench.progress import Progress
from zoo.files import read_bytes

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels

    Mapped = np.memmap[tuple[int, ...], np.dtype[np.uint8]]

FORMAT = 2  # another number for other arrays from the same files
VARIABLE = "SEGBENCH_CACHE"
IMAGES, LABELS, ABOUT = "images.npy", "labels.npy", "about.json"


@dataclass(frozen=True)
class Arrays:
    """A split at one size.

    Attributes:
        images: (scenes, height, width, 3), read-only and mapped from a file.
        labels: class ids, (scenes, height, width), likewise.
    """

    names: tuple[str, ...]
    images: Pixels
    labels: Pixels


def cache_root(given: Path | None = None) -> Path:
    """Return where caches are kept: what is given, else ``SEGBENCH_CACHE``, else the platform's."""
    if given is not None:
        return given
    if named := os.environ.get(VARIABLE):
        return Path(named)
    from platformdirs import user_cache_path  # noqa: PLC0415 - few need it

    return user_cache_path("segbench", appauthor=False)


def load_split(
    dataset: Dataset,
    split: str,
    *,
    size: tuple[int, int],
    progress: Progress,
    root: Path | None = None,
) -> Arrays:
    """Return a split as arrays: images resized bilinearly, labels to the nearest pixel.

    Args:
        size: height and width in pixels.
        progress: called with what is decoded, the scenes so far and all of them; not at all where
            they were decoded before.
        root: see :func:`cache_root`.

    Raises:
        DataError: the split is empty, a scene cannot be read, or there can be no cache here.
        WriteError: the disk is full, or cannot be written to.
    """
    scenes = dataset.split(split)
    folder = (
        cache_root(root)
        / f"{dataset.name}-{split}-{size[0]}x{size[1]}-{_key(dataset, scenes, size)}"
    )
    found = _map(folder, scenes, size)
    if found is None:
        with _locked(folder):  # another process may build it meanwhile
            found = _map(folder, scenes, size) or _build_and_map(
                folder,
                scenes,
                size,
                lambda done: progress(f"decoding {split}", done, len(scenes)),
            )
    dataset.warn_of_notes()
    return found


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let no other process build the same cache; the lock is the kernel's, and dies with us."""
    from filelock import FileLock  # noqa: PLC0415 - few need it

    lock = FileLock(f"{folder}.lock")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise DataError(_cannot_keep(folder, error)) from error
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            Path(lock.lock_file).unlink()  # nothing is left of what failed; who waits begins anew
        raise
    finally:
        lock.release()


def _cannot_keep(folder: Path, error: OSError) -> str:
    return (
        f"cannot keep decoded images in {str(folder.parent)!r}: {os_reason(error)}; "
        f"name another folder with {VARIABLE}"
    )


def _key(dataset: Dataset, scenes: Sequence[Scene], size: tuple[int, int]) -> str:
    """Return a hash of everything that the arrays depend on."""
    digest = hashlib.sha256(f"{FORMAT} {size} {[each.name for each in dataset.classes]}".encode())
    for scene in scenes:
        line = f"{scene.name} {scene.fingerprint}\n"
        digest.update(line.encode(errors="surrogateescape"))  # names of files need not be text
    return digest.hexdigest()[:16]


def _build_and_map(
    folder: Path, scenes: Sequence[Scene], size: tuple[int, int], progress: Callable[[int], None]
) -> Arrays:
    try:
        _build(folder, scenes, size, progress)
    except OSError as error:
        raise WriteError(_cannot_keep(folder, error)) from error
    found = _map(folder, scenes, size)
    if found is None:
        raise WriteError(f"decoded images in {str(folder)!r} are not what was written there")
    return found


def _build(
    folder: Path, scenes: Sequence[Scene], size: tuple[int, int], progress: Callable[[int], None]
) -> None:
    """Decode all scenes into a folder of another name, which gets its own when it is whole."""
    # What a killed process left, and what is damaged.
    for stale in (*folder.parent.glob(f".{glob.escape(folder.name)}.*"), folder):
        _remove(stale)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        images, labels = _open_arrays(partial, len(scenes), size)

        def decode(number: int) -> None:
            images[number], labels[number] = resized(scenes[number], size)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, _ in enumerate(pool.map(decode, range(len(scenes))), 1):
                progress(done)
        images.flush()
        labels.flush()
        (partial / ABOUT).write_bytes(_about(scenes))
        partial.rename(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            shutil.rmtree(partial)
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _open_arrays(folder: Path, count: int, size: tuple[int, int]) -> tuple[Mapped, Mapped]:
    """Make the files of a cache, with room on the disk for all that will be in them."""
    arrays = []
    for name, shape in _shapes(count, size).items():
        array = np.lib.format.open_memmap(folder / name, "w+", np.uint8, shape)
        # Taken from the disk now: a mapped file that finds it full later would kill the process.
        _reserve(folder / name, array.offset + array.nbytes)
        arrays.append(array)
    images, labels = arrays
    return images, labels


def _shapes(count: int, size: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    return {IMAGES: (count, *size, 3), LABELS: (count, *size)}


def _about(scenes: Sequence[Scene]) -> bytes:
    return json.dumps({"names": [scene.name for scene in scenes]}).encode()


def _reserve(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def resized(scene: Scene, size: tuple[int, int]) -> tuple[Pixels, Pixels]:
    """Return a scene's image and label at a height and width in pixels."""
    image, label = read_scene(scene)
    height, width = size
    if image.shape[:2] == size:
        return image, label
    smaller = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    nearest = Image.fromarray(label).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(smaller), np.asarray(nearest)


def _map(folder: Path, scenes: Sequence[Scene], size: tuple[int, int]) -> Arrays | None:
    """Return what a cache holds; None if there is none, or it is not what would be written."""
    about = _about(scenes)
    try:
        if not all((folder / name).is_file() for name in (ABOUT, IMAGES, LABELS)):
            return None
        if read_bytes(folder / ABOUT, what="cache", most=len(about)) != about:
            return None
        images, labels = (
            _map_array(folder / name, shape) for name, shape in _shapes(len(scenes), size).items()
        )
    except Exception:  # noqa: BLE001 - numpy raises all kinds of errors on damaged files
        return None
    return Arrays(names=tuple(scene.name for scene in scenes), images=images, labels=labels)


def _map_array(path: Path, shape: tuple[int, ...]) -> Pixels:
    """Map an array of bytes from a file.

    Raises:
        ValueError: it holds no such array; and whatever else a damaged file may lead to.
    """
    found: Pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    if found.shape != shape or found.dtype != np.uint8 or not found.flags.c_contiguous:
        raise ValueError(f"{path} is no array of bytes of the shape {shape}")
    return found
