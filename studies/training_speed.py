"""How many images a second does segbench train, beside a loop as one writes it by hand?

Question: what do decoding once, a held allocator and the channels-last format give on a CPU?
Source: the loop by hand is that of PyTorch's tutorials: a Dataset that opens a PNG with Pillow, a
DataLoader, Adam, cross-entropy; contiguous tensors, and the C library's allocator as it is.
Cost: eighteen processes that start torch and take 25 steps each; not timed yet.
Result: none yet, for it has not been run.

    python -m studies.training_speed --dataset camvid --data-root FOLDER

Every arm is a fresh process that trains SegFast on the same scenes at batch 8 and 224x224, and the
arms take turns: A B C C B A. A round's figure is the median over its steps after the first three.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from segbench.measuring import STEADY_ALLOCATOR

if TYPE_CHECKING:
    import torch

ARMS = {
    "by hand": "a PNG opened for every image, contiguous, untuned allocator",
    "by hand, decoded": "the same from memory",
    "segbench": "decoded once, channels last, allocator held",
}
BATCH, STEPS, WARM_UP, CLASSES = 8, 25, 3, 11
SIZE = (224, 224)
Batch: TypeAlias = "tuple[torch.Tensor, torch.Tensor]"


def time_steps(next_batch: Callable[[], Batch], *, channels_last: bool) -> list[float]:
    """Return the seconds of each step, fetching its batch included."""
    import torch  # noqa: PLC0415 - the driver does without
    from torch import nn  # noqa: PLC0415

    import zoo  # noqa: PLC0415

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


def by_hand(dataset: str, root: Path | None, *, decoded: bool) -> list[float]:
    """Train with a Dataset and a DataLoader."""
    import torch  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    from segbench.data.registry import open_dataset  # noqa: PLC0415

    scenes = open_dataset(dataset, root).split("train")
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

    class Scenes(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(scenes)

        def __getitem__(self, number: int) -> Batch:
            scene = scenes[number]
            image = Image.fromarray(scene.image()).resize(SIZE[::-1], Image.Resampling.BILINEAR)
            label = Image.fromarray(scene.label()).resize(SIZE[::-1], Image.Resampling.NEAREST)
            pixels = (np.asarray(image) / 255 - mean) / deviation
            return (
                torch.from_numpy(pixels.transpose(2, 0, 1)).float().contiguous(),
                torch.from_numpy(np.array(label)).long(),
            )

    def forever() -> Iterator[Batch]:
        while True:
            yield from torch.utils.data.DataLoader(Scenes(), batch_size=BATCH, shuffle=True)

    batches = forever()
    if not decoded:
        return time_steps(lambda: next(batches), channels_last=False)
    kept = [next(batches) for _ in range(STEPS)]
    return time_steps(kept.pop, channels_last=False)


def by_segbench(dataset: str, root: Path | None) -> list[float]:
    """Train with the arrays and the batches of segbench."""
    import torch  # noqa: PLC0415

    from segbench.data.cache import load_split  # noqa: PLC0415
    from segbench.data.registry import open_dataset  # noqa: PLC0415
    from segbench.data.scenes import VOID  # noqa: PLC0415
    from segbench.training.batches import batches, order_of  # noqa: PLC0415

    data = open_dataset(dataset, root)
    arrays = load_split(data, "train", size=SIZE, progress=lambda *_: None)
    order = np.concatenate(
        [order_of(len(arrays.names), seed=0, epoch=epoch) for epoch in (1, 2, 3)]
    )
    source = batches(arrays, order, size=BATCH, void=VOID, device=torch.device("cpu"))
    return time_steps(lambda: next(source), channels_last=True)


def run_arm(arm: str, dataset: str, root: Path | None) -> float:
    """Run an arm in a fresh process and return its images a second."""
    environment = dict(os.environ)
    if arm == "segbench":
        environment |= STEADY_ALLOCATOR
    command = [sys.executable, "-m", "studies.training_speed", "--arm", arm, "--dataset", dataset]
    command += ["--data-root", str(root)] if root else []
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    times: list[float] = json.loads(done.stdout)
    return BATCH / statistics.median(times[WARM_UP:])


def main() -> None:
    """Let the arms take turns, and print a table; or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="camvid")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--cycles", type=int, default=3, help="of A B C C B A")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.arm:
        if given.arm == "segbench":
            times = by_segbench(given.dataset, given.data_root)
        else:
            decoded = given.arm != "by hand"
            times = by_hand(given.dataset, given.data_root, decoded=decoded)
        print(json.dumps(times))  # noqa: T201
        return
    run_arm("segbench", given.dataset, given.data_root)  # decodes what is not yet
    found: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for _ in range(given.cycles):
        for arm in (*ARMS, *reversed(ARMS)):
            found[arm].append(run_arm(arm, given.dataset, given.data_root))
    base = found["by hand"]
    print("| loop | images/s, median (range) | times the loop by hand (range) |")  # noqa: T201
    print("| :-- | --: | --: |")  # noqa: T201
    for arm, speeds in found.items():
        ratios = [mine / other for mine, other in zip(speeds, base, strict=True)]
        print(  # noqa: T201
            f"| {arm}: {ARMS[arm]} | {statistics.median(speeds):.1f} "
            f"({min(speeds):.1f}-{max(speeds):.1f}) | {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f}-{max(ratios):.2f}) |"
        )


if __name__ == "__main__":
    main()
