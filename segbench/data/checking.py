"""Read a whole dataset, and say what is in it and what is wrong with it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from segbench.data.errors import DataError
from segbench.data.findings import DataFindings, SplitFindings
from segbench.data.scenes import VOID, Dataset, Scene, read_scene

Progress = Callable[[str, int, int], None]
Counted = tuple[str, "np.ndarray"]  # a scene's size, and its pixels by class id


def check_dataset(dataset: Dataset, *, progress: Progress) -> DataFindings:
    """Read every image and label.

    Args:
        progress: called with what is read, the number of scenes so far and that of all.
    """
    problems = [f"{path} has no partner" for path in dataset.unpaired]
    total = sum(map(len, dataset.splits.values()))
    done = 0
    splits = []
    # Pillow and numpy let go of the interpreter's lock while they decode and count.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for split, scenes in dataset.splits.items():
            sizes: Counter[str] = Counter()
            pixels = np.zeros(VOID + 1, np.int64)
            for found in _count_all(pool, scenes):
                done += 1
                progress(f"reading {split}", done, total)
                if isinstance(found, DataError):
                    problems.append(str(found))
                else:
                    sizes[found[0]] += 1
                    pixels += found[1]
            splits.append(_findings(dataset, split, len(scenes), sizes, pixels))
    return DataFindings(
        dataset=dataset.name,
        layout=dataset.layout,
        splits=tuple(splits),
        problems=tuple(problems),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def _count_all(pool: ThreadPoolExecutor, scenes: Sequence[Scene]) -> Iterator[Counted | DataError]:
    """Count scene by scene, in order, never with more than some of them in memory."""
    ahead = 4 * (os.cpu_count() or 1)
    for start in range(0, len(scenes), ahead):
        yield from pool.map(_count, scenes[start : start + ahead])


def _count(scene: Scene) -> Counted | DataError:
    try:
        image, label = read_scene(scene)
    except DataError as error:
        return error
    height, width = image.shape[:2]
    return f"{height}x{width}", np.bincount(label.ravel(), minlength=VOID + 1)


def _findings(
    dataset: Dataset, split: str, scenes: int, sizes: Counter[str], pixels: np.ndarray
) -> SplitFindings:
    return SplitFindings(
        split=split,
        scenes=scenes,
        sizes=dict(sizes.most_common()),
        pixels={each.name: int(pixels[i]) for i, each in enumerate(dataset.classes)},
        void_pixels=int(pixels[VOID]),
    )
