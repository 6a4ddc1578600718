"""Read a whole dataset, and say what is in it and what is wrong with it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from segbench.data.errors import DataError
from segbench.data.labelled import is_mask_of_255, listed, mask_of_255, void_alone
from segbench.data.scenes import VOID, Dataset, Scene, read_scene
from segbench.errors import one_line
from segbench.progress import Progress, timestamp
from segbench.results.dataset import DataFindings, SplitFindings

Counted = tuple[str, "np.ndarray"]  # a scene's size, and its pixels by class id


def check_dataset(dataset: Dataset, *, progress: Progress) -> DataFindings:
    """Read every image and label.

    Args:
        progress: called with what is read, the number of scenes so far and that of all.
    """
    # A file's name may hold anything that is not a slash.
    problems = [
        one_line(f"{path} {dataset.reasons.get(path, 'has no partner')}")
        for path in dataset.unpaired
    ]
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
                    problems.append(one_line(str(found)))
                else:
                    sizes[found[0]] += 1
                    pixels += found[1]
            splits.append(_findings(dataset, split, len(scenes), sizes, pixels))
    wrong, remarks = _judge(dataset, splits)
    return DataFindings(
        dataset=dataset.name,
        layout=dataset.layout,
        splits=tuple(splits),
        problems=(*problems, *wrong),
        remarks=(*dataset.notes(), *remarks),
        created=timestamp(),
    )


def _judge(dataset: Dataset, splits: Sequence[SplitFindings]) -> tuple[list[str], list[str]]:
    """Return what makes labels useless, and what else is to be known of the classes they have."""
    names = [each.name for each in dataset.classes]
    wrong = [
        void_alone(dataset, split.split)
        for split in splits
        if split.void_pixels and not any(split.pixels.values())
    ]
    if not any(split.sizes for split in splits):  # nothing could be read
        return wrong, []
    seen = {number for number, name in enumerate(names) if any(s.pixels[name] for s in splits)}
    has_void = any(split.void_pixels for split in splits)
    if is_mask_of_255(seen, len(names), has_void=has_void):
        return [*wrong, mask_of_255(dataset)], []
    remarks = []
    if len(names) == 1:
        remarks.append(f"there is a single class, {names[0]!r}, which leaves nothing to tell apart")
    if seen and len(seen) < len(names):
        missing = [name for number, name in enumerate(names) if number not in seen]
        remarks.append(f"no label has the class {listed(missing)}")
    return wrong, remarks


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
