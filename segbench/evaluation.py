"""Evaluate a trained network on a split of a dataset."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import zoo
from segbench.confusion import PROTOCOLS, ConfusionMatrix, Protocol
from segbench.data.cache import Progress, load_split
from segbench.data.registry import open_dataset
from segbench.errors import UsageError
from segbench.evaluations import Evaluation
from segbench.pictures import normalised
from segbench.pretrained import pretrained
from segbench.training.job import Job
from segbench.training.run_folder import RunFolder, read_checkpoint
from zoo.spec import ModelSpec

if TYPE_CHECKING:
    from segbench.data.cache import Arrays


def find_checkpoint(path: Path) -> Path:
    """Return the file that is meant: the best weights of a run's folder, or those of a name.

    >>> find_checkpoint(Path("segfast-streets")).name  # unless there is such a file
    'segfast-streets.safetensors'
    """
    if path.is_dir():
        return RunFolder(path).best
    if path.exists():
        return path
    return pretrained(str(path)) or path


def load_network(path: Path) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Build the network of a checkpoint with its weights, ready for inference.

    Raises:
        UsageError: the checkpoint cannot be read, or its weights do not fit its network.
    """
    tensors, about = read_checkpoint(path)
    try:
        spec = ModelSpec.from_json(about["model"])
        network = zoo.build(spec)
        network.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise UsageError(
            f"the checkpoint {str(path)!r} does not fit the network that it names; "
            "give best.safetensors of a run"
        ) from error
    return network.eval().to(memory_format=torch.channels_last), about  # type: ignore[call-overload]


def evaluate(
    checkpoint: Path,
    *,
    dataset: str | None = None,
    split: str = "val",
    protocol: Protocol | None = None,
    data_root: Path | None = None,
    size: tuple[int, int] | None = None,
    batch: int = 8,
    cache: Path | None = None,
    progress: Progress,
) -> Evaluation:
    """Evaluate a network by every protocol.

    Args:
        checkpoint: a file of weights, a run's folder, or the name of a pretrained network.
        dataset: another one than it was trained on; so is `size`.
        protocol: the one to show; that by which it was trained if None.

    Raises:
        UsageError: the checkpoint, the dataset or a value cannot be used.
    """
    path = find_checkpoint(checkpoint)
    network, about = load_network(path)
    job = Job.from_json(about["job"])
    root = data_root or (Path(job.data_root) if job.data_root else None)
    data = open_dataset(dataset or job.dataset, root)
    names = tuple(each["name"] for each in about["classes"])
    if tuple(each.name for each in data.classes) != names:
        raise UsageError(
            f"{str(path)!r} was trained on other classes than those of {data.name!r} "
            f"({len(names)}: {', '.join(names[:3])}, ...)"
        )
    shape = size or job.size
    arrays = load_split(data, split, size=shape, progress=progress, root=cache)
    confusion = confuse(network, arrays, len(names), batch=batch, progress=progress)
    return Evaluation(
        model=about["model"],
        checkpoint=str(path),
        dataset=data.name,
        split=split,
        scenes=len(arrays.names),
        size=shape,
        protocol=protocol or job.protocol,
        classes=names,
        confusion=tuple(map(tuple, confusion.counts.tolist())),
        qualities={name: confusion.quality(name) for name in PROTOCOLS},
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


@torch.inference_mode()
def confuse(
    network: torch.nn.Module, arrays: Arrays, classes: int, *, batch: int, progress: Progress
) -> ConfusionMatrix:
    """Count the pixels of a split by their class and by the one that the network predicts."""
    confusion = ConfusionMatrix(classes)
    count = len(arrays.names)
    for start in range(0, count, batch):
        pixels = arrays.images[start : start + batch]
        found = network(normalised(torch.from_numpy(pixels.copy()))).argmax(dim=1)
        confusion.add(arrays.labels[start : start + batch], found.numpy())
        progress("evaluating", min(start + batch, count), count)
    return confusion
