"""How many images a second does segbench train, beside a loop as one writes it by hand?

Question: what do decoding once, a held allocator and the channels-last format give on a CPU?
Source: the loop by hand is that of PyTorch's tutorials: a Dataset that opens a PNG with Pillow, a
DataLoader, Adam, cross-entropy; contiguous tensors, and the C library's allocator as it is.
Cost: the first takes four minutes on 2 cores with two cycles; the second some seven.
Result: 28.1 images/s beside 10.2 by hand. The allocator and the memory format matter; decoding is
small beside them. The tables are below.

    python -m studies.training_speed --dataset camvid --data-root FOLDER
    python -m studies.training_speed --dataset camvid --data-root FOLDER --costs --cycles 1

Every candidate is a fresh process that trains SegFast on the same scenes at batch 8 and 224x224.
They take turns: A B C C B A. A round's figure is the median over its steps after the first three.

The median over 22 steps of each of four processes, with `--cycles 2`, on 2 cores of an AMD EPYC
(Debian 12, Python 3.11.7, torch 2.13.0, 2026-11-24):

| loop | images/s (range) | times the loop by hand (range) |
| :-- | --: | --: |
| by hand: a picture opened for every image | 10.2 (9.6-10.7) | 1 |
| by hand, decoded: the same from memory | 10.9 (10.3-11.3) | 1.08 (0.96-1.16) |
| segbench: decoded once, channels last, allocator held | 28.1 (27.6-32.6) | 2.81 (2.58-3.27) |

Images a second of SegFast, and seconds of training for an epoch of CamVid's 367 images: medians of
two fresh processes each, by the second command, six minutes:

| size | batch 1 | batch 2 | batch 4 | batch 8 | batch 16 |
| :-- | --: | --: | --: | --: | --: |
| 112x112 | 54.8 (7 s) | 76.1 (5 s) | 96.8 (4 s) | 107.1 (3 s) | 111.0 (3 s) |
| 224x224 | 24.2 (15 s) | 27.2 (14 s) | 27.7 (13 s) | 28.2 (13 s) | 28.3 (13 s) |
| 360x480 | 7.8 (47 s) | 7.9 (46 s) | 8.0 (46 s) | 7.9 (47 s) | 7.9 (46 s) |

Two trainings at a time, a thread each, make 23.6 images/s together, beside 28.1 of one with two
threads. From nothing, with an empty cache, `segbench train segfast --dataset streets --epochs 3`
and then `segbench predict` on a photograph and on the 100 scenes of validation took 73 s in all.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from segbench.measurement.workers.supervisor import STEADY_ALLOCATOR

if TYPE_CHECKING:
    import torch

ARMS = {
    "by hand": "a PNG opened for every image, contiguous, untuned allocator",
    "by hand, decoded": "the same from memory",
    "segbench": "decoded once, channels last, allocator held",
}
STEPS, WARM_UP, CLASSES = 25, 3, 11
SCENES = 367  # that CamVid trains on
SIZES = ((112, 112), (224, 224), (360, 480))
BATCHES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Feed:
    """What is trained on, and how many at once."""

    dataset: str
    root: Path | None
    batch: int
    size: tuple[int, int]


Batch: TypeAlias = "tuple[torch.Tensor, torch.Tensor]"


def time_steps(next_batch: Callable[[], Batch], *, channels_last: bool) -> list[float]:
    """Return the seconds of each step, fetching its batch included."""
    import torch
    from torch import nn

    import zoo

    torch.manual_seed(0)
    network = zoo.build("segfast", classes=CLASSES)
    if channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss_of = nn.CrossEntropyLoss(ignore_index=255)
    times = []
    for _ in range(STEPS):
        began = time.perf_counter()
        images, labels = next_batch()
        loss = loss_of(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        float(loss)
        times.append(time.perf_counter() - began)
    return times


def by_hand(feed: Feed, *, decoded: bool) -> list[float]:
    """Train with a Dataset and a DataLoader."""
    import torch
    from PIL import Image

    from segbench.data.registry import open_dataset

    scenes = open_dataset(feed.dataset, feed.root).split("train")
    width_height = feed.size[::-1]
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

    class Scenes(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(scenes)

        def __getitem__(self, number: int) -> Batch:
            scene = scenes[number]
            image = Image.fromarray(scene.image()).resize(width_height, Image.Resampling.BILINEAR)
            label = Image.fromarray(scene.label()).resize(width_height, Image.Resampling.NEAREST)
            pixels = (np.asarray(image) / 255 - mean) / deviation
            return (
                torch.from_numpy(pixels.transpose(2, 0, 1)).float().contiguous(),
                torch.from_numpy(np.array(label)).long(),
            )

    def forever() -> Iterator[Batch]:
        while True:
            yield from torch.utils.data.DataLoader(Scenes(), batch_size=feed.batch, shuffle=True)

    batches = forever()
    if not decoded:
        return time_steps(lambda: next(batches), channels_last=False)
    kept = [next(batches) for _ in range(STEPS)]
    return time_steps(kept.pop, channels_last=False)


def by_segbench(feed: Feed) -> list[float]:
    """Train with the arrays and the batches of segbench."""
    import torch

    from segbench.data.cache import load_split
    from segbench.data.registry import open_dataset
    from segbench.data.scenes import VOID
    from segbench.training.batches import batches, order_of

    data = open_dataset(feed.dataset, feed.root)
    arrays = load_split(data, "train", size=feed.size, progress=lambda *_: None)
    count = len(arrays.names)
    epochs = math.ceil(STEPS * feed.batch / count)
    order = np.concatenate([order_of(count, seed=0, epoch=epoch) for epoch in range(epochs)])
    source = batches(arrays, order, size=feed.batch, void=VOID, device=torch.device("cpu"))
    return time_steps(lambda: next(source), channels_last=True)


def run_candidate(candidate: str, feed: Feed) -> float:
    """Run a candidate in a fresh process and return its images a second."""
    environment = dict(os.environ)
    if candidate == "segbench":
        environment |= STEADY_ALLOCATOR
    command = [sys.executable, "-m", "studies.training_speed", "--candidate", candidate]
    command += ["--dataset", feed.dataset, "--batch", str(feed.batch)]
    command += ["--size", "x".join(map(str, feed.size))]
    command += ["--data-root", str(feed.root)] if feed.root else []
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    times: list[float] = json.loads(done.stdout)
    return feed.batch / statistics.median(times[WARM_UP:])


def be(candidate: str, feed: Feed) -> list[float]:
    """Be one of the candidates."""
    if candidate == "segbench":
        return by_segbench(feed)
    return by_hand(feed, decoded=candidate != "by hand")


def compare(feed: Feed, *, cycles: int) -> None:
    """Let the candidates take turns, and print a table."""
    run_candidate("segbench", feed)  # decodes what is not yet
    found: dict[str, list[float]] = {candidate: [] for candidate in ARMS}
    for _ in range(cycles):
        for candidate in (*ARMS, *reversed(ARMS)):
            found[candidate].append(run_candidate(candidate, feed))
    base = found["by hand"]
    print("| loop | images/s, median (range) | times the loop by hand (range) |")  # noqa: T201
    print("| :-- | --: | --: |")  # noqa: T201
    for candidate, speeds in found.items():
        ratios = [mine / other for mine, other in zip(speeds, base, strict=True)]
        print(  # noqa: T201
            f"| {candidate}: {ARMS[candidate]} | {statistics.median(speeds):.1f} "
            f"({min(speeds):.1f}-{max(speeds):.1f}) | {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f}-{max(ratios):.2f}) |"
        )


def tabulate(feed: Feed, *, cycles: int) -> None:
    """Print what an epoch of CamVid costs by batch and size, every cell in turn."""
    cells = [(size, batch) for size in SIZES for batch in BATCHES]
    found: dict[tuple[tuple[int, int], int], list[float]] = {cell: [] for cell in cells}
    for _ in range(cycles):
        for size, batch in (*cells, *reversed(cells)):
            mine = replace(feed, size=size, batch=batch)
            found[size, batch].append(run_candidate("segbench", mine))
    print(f"| size | {' | '.join(f'batch {batch}' for batch in BATCHES)} |")  # noqa: T201
    print(f"| :-- |{' --: |' * len(BATCHES)}")  # noqa: T201
    for size in SIZES:
        row = [statistics.median(found[size, batch]) for batch in BATCHES]
        words = [f"{speed:.1f} ({SCENES / speed:.0f} s)" for speed in row]
        print(f"| {size[0]}x{size[1]} | {' | '.join(words)} |")  # noqa: T201


def main() -> None:
    """Compare loops, or find what an epoch costs; or be one of the candidates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="camvid")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", default="224x224")
    parser.add_argument("--cycles", type=int, default=3, help="of A B C C B A")
    parser.add_argument("--costs", action="store_true", help="by batch and size, segbench's alone")
    parser.add_argument("--candidate", choices=ARMS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    height, width = map(int, given.size.split("x"))
    feed = Feed(given.dataset, given.data_root, given.batch, (height, width))
    if given.candidate:
        print(json.dumps(be(given.candidate, feed)))  # noqa: T201
    elif given.costs:
        tabulate(feed, cycles=given.cycles)
    else:
        compare(feed, cycles=given.cycles)


if __name__ == "__main__":
    main()
