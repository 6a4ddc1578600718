"""Evaluation of a trained network on a split of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

import zoo
from segbench.bounds import check_count, check_input
from segbench.data.cache import load_split
from segbench.data.registry import open_dataset
from segbench.errors import UsageError
from segbench.progress import Progress, timestamp
from segbench.results.evaluation import PROTOCOLS, Evaluation, Protocol
from segbench.runtimes.inputs import normalised
from segbench.runtimes.logits import find_head
from segbench.runtimes.model import network_failures, set_mode
from segbench.runtimes.pretrained import pretrained
from segbench.training.confusion import ConfusionMatrix
from segbench.training.run_folder import RunFolder, WeightsMetadata, read_checkpoint
from zoo.allowed import check_allowed

if TYPE_CHECKING:
    from segbench.data.cache import Arrays
    from segbench.data.scenes import Pixels


def find_checkpoint(path: Path) -> Path:
    """Return the file of a checkpoint: a run's best weights, a file, or a pretrained network.

    >>> find_checkpoint(Path("segfast-streets")).name  # unless there is such a file
    'segfast-streets.safetensors'
    """
    if path.is_dir():
        return RunFolder(path).best
    if path.exists():
        return path
    return pretrained(str(path)) or path


def load_network(path: Path) -> tuple[torch.nn.Module, WeightsMetadata]:
    """Build the network of a checkpoint with its weights, in evaluation mode.

    Raises:
        UsageError: the checkpoint cannot be read, or its weights do not fit its network.
        ZooError: its network cannot be built, or its code was not allowed to be imported.
    """
    tensors, about = read_checkpoint(path, WeightsMetadata)
    check_allowed(about.model.name, source=f"the checkpoint {str(path)!r}")
    network = zoo.build(about.model.spec)
    try:
        network.load_state_dict(tensors)
    except (RuntimeError, TypeError, LookupError) as error:
        raise UsageError(
            f"the checkpoint {str(path)!r} does not fit the network that it names; "
            "give best.safetensors of a run"
        ) from error
    set_mode(network, training=False)
    laid_out: torch.nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return laid_out, about


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
        dataset: None for the one that it was trained on. `size` likewise.
        protocol: shown first; None for the one that it was trained by.

    Raises:
        UsageError: the checkpoint, the dataset or a value cannot be used.
    """
    check_count("batch", batch)
    path = find_checkpoint(checkpoint)
    network, about = load_network(path)
    job = about.job
    root = data_root or (Path(job.data_root) if job.data_root else None)
    data = open_dataset(job.dataset if dataset is None else dataset, root)
    names = tuple(each.name for each in about.classes)
    if tuple(each.name for each in data.classes) != names:
        raise UsageError(
            f"{str(path)!r} was trained on other classes than those of {data.name!r} "
            f"({len(names)}: {', '.join(names[:3])}, ...)"
        )
    shape = size or job.size
    check_input(batch=batch, height=shape[0], width=shape[1])
    arrays = load_split(data, split, size=shape, progress=progress, root=cache)
    with network_failures(str(about.model.spec), (batch, 3, *shape)):
        confusion = confuse(network, arrays, len(names), batch=batch, progress=progress)
    return Evaluation(
        model=about.model.spec.to_json(),
        checkpoint=str(path),
        dataset=data.name,
        split=split,
        scenes=len(arrays.names),
        size=shape,
        protocol=protocol or job.protocol,
        classes=names,
        confusion=tuple(map(tuple, confusion.counts.tolist())),
        qualities={name: confusion.quality(name) for name in PROTOCOLS},
        created=timestamp(),
    )


def logits_of(network: torch.nn.Module, pixels: Pixels, classes: int) -> torch.Tensor:
    """Return the logits of images (batch, height, width, 3): one channel a class, void if learnt.

    Raises:
        UsageError: the network returns something else.
    """
    images = normalised(torch.from_numpy(pixels.copy()))
    output = network(images)
    batch, channels, height, width = images.shape
    logits = find_head(output, "of the checkpoint", (batch, channels, height, width)).logits(output)
    found = logits.shape[1]
    if found not in {classes, classes + 1}:
        raise UsageError(
            f"the checkpoint's network returned logits of {found} classes, and it names {classes}; "
            "give best.safetensors of a run"
        )
    return logits


@torch.inference_mode()
def confuse(
    network: torch.nn.Module, arrays: Arrays, classes: int, *, batch: int, progress: Progress
) -> ConfusionMatrix:
    """Return the confusion matrix of a split."""
    confusion = ConfusionMatrix(classes)
    count = len(arrays.names)
    for start in range(0, count, batch):
        pixels = arrays.images[start : start + batch]
        found = logits_of(network, pixels, classes).argmax(dim=1)
        confusion.add(arrays.labels[start : start + batch], found.numpy())
        progress("evaluating", min(start + batch, count), count)
    return confusion
