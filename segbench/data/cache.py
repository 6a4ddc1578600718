"""Decoding once: a split's images and labels at one size, as arrays that are mapped into memory.

A cache is a folder that appears as a whole when it is finished. Its name is a hash of what is in
it: the files with their sizes and times, the classes, the size of the images. Two processes that
want the same one wait for each other; a killed one leaves nothing that would pass for finished.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from segbench.data.errors import DataError
from segbench.data.scenes import Dataset, Scene, read_scene
from segbench.errors import said_by

if TYPE_CHECKING:
    from segbench.data.scenes import Pixels

FORMAT = 1  # another number for other arrays from the same files
VARIABLE = "SEGBENCH_CACHE"
IMAGES, LABELS, ABOUT = "images.npy", "labels.npy", "about.json"

Progress = Callable[[str, int, int], None]


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
        DataError: the split is empty, a scene cannot be read, or the cache cannot be written.
    """
    from filelock import FileLock  # noqa: PLC0415 - few need it

    scenes = dataset.split(split)
    folder = (
        cache_root(root)
        / f"{dataset.name}-{split}-{size[0]}x{size[1]}-{_key(dataset, scenes, size)}"
    )
    try:
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            # The lock is the kernel's, and goes with the process that holds it.
            with FileLock(f"{folder}.lock"):
                if not folder.is_dir():
                    _build(
                        folder,
                        scenes,
                        size,
                        lambda done: progress(f"decoding {split}", done, len(scenes)),
                    )
        return _map(folder)
    except OSError as error:
        raise DataError(
            f"cannot keep decoded images in {str(folder.parent)!r}: {said_by(error)}; "
            f"name another folder with {VARIABLE}"
        ) from error


def _key(dataset: Dataset, scenes: Sequence[Scene], size: tuple[int, int]) -> str:
    """Return a hash of everything that the arrays depend on."""
    digest = hashlib.sha256(f"{FORMAT} {size} {[each.name for each in dataset.classes]}".encode())
    for scene in scenes:
        digest.update(f"{scene.name} {scene.fingerprint}\n".encode())
    return digest.hexdigest()[:16]


def _build(
    folder: Path, scenes: Sequence[Scene], size: tuple[int, int], progress: Callable[[int], None]
) -> None:
    """Decode all scenes into a folder of another name, which gets its own when it is whole."""
    for stale in folder.parent.glob(f".{folder.name}.*"):  # of a process that was killed
        shutil.rmtree(stale)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        shape = (len(scenes), *size)
        images = np.lib.format.open_memmap(partial / IMAGES, "w+", np.uint8, (*shape, 3))
        labels = np.lib.format.open_memmap(partial / LABELS, "w+", np.uint8, shape)
        # Taken from the disk now: a mapped file that finds it full later would kill the process.
        for array, name in ((images, IMAGES), (labels, LABELS)):
            _reserve(partial / name, array.offset + array.nbytes)

        def decode(number: int) -> None:
            images[number], labels[number] = resized(scenes[number], size)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, _ in enumerate(pool.map(decode, range(len(scenes))), 1):
                progress(done)
        images.flush()
        labels.flush()
        about = {"names": [scene.name for scene in scenes]}
        (partial / ABOUT).write_text(json.dumps(about), encoding="utf-8")
        partial.rename(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            shutil.rmtree(partial)
        raise


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


def _map(folder: Path) -> Arrays:
    names = json.loads((folder / ABOUT).read_text(encoding="utf-8"))["names"]
    return Arrays(
        names=tuple(names),
        images=np.load(folder / IMAGES, mmap_mode="r"),
        labels=np.load(folder / LABELS, mmap_mode="r"),
    )
