"""Evaluation of a trained network on a split of a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from segbench.bounds import check_count, check_input
from segbench.data.cache import load_split
from segbench.data.registry import open_dataset
from segbench.errors import UsageError
from segbench.measurement.assembly import judge_parity
from segbench.progress import Progress, timestamp
from segbench.results.candidate import EAGER, TOLERANCES, Candidate
from segbench.results.evaluation import PROTOCOLS, Evaluation, Protocol
from segbench.runtimes import runtime_version
from segbench.runtimes.agreement import Agreement
from segbench.training.confusion import ConfusionMatrix
from segbench.training.trained import TrainedNetwork

if TYPE_CHECKING:
    from segbench.data.cache import Arrays


def evaluate(
    checkpoint: str | Path,
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
        checkpoint: a file of weights, a run's folder, or the name of a pretrained network; a
            runtime may follow: ``runs/first@openvino:bf16``. What that hands out is compared with
            eager in single precision on every scene.
        dataset: None for the one that it was trained on. `size` likewise.
        protocol: shown first; None for the one that it was trained by.

    Raises:
        UsageError: the checkpoint, the dataset or a value cannot be used.
    """
    check_count("batch", batch)
    candidate = Candidate.of_weights(str(checkpoint))
    if candidate.is_graph:
        raise UsageError(
            f"{str(checkpoint)!r} is a graph file, which evaluate does not take; evaluate the "
            "weights that it is of, in the runtime: runs/first@onnxruntime"
        )
    trained = TrainedNetwork(candidate)
    about, job = trained.about, trained.about.job
    root = data_root or (Path(job.data_root) if job.data_root else None)
    data = open_dataset(job.dataset if dataset is None else dataset, root)
    names = tuple(each.name for each in about.classes)
    if tuple(each.name for each in data.classes) != names:
        raise UsageError(
            f"{str(trained.path)!r} was trained on other classes than those of {data.name!r} "
            f"({len(names)}: {', '.join(names[:3])}, ...)"
        )
    shape = size or job.size
    check_input(batch=batch, height=shape[0], width=shape[1])
    arrays = load_split(data, split, size=shape, progress=progress, root=cache)
    found = classify(trained, arrays, batch=batch, progress=progress)
    return Evaluation(
        model=about.model.spec.to_json(),
        checkpoint=str(trained.path),
        dataset=data.name,
        split=split,
        scenes=len(arrays.names),
        size=shape,
        protocol=protocol or job.protocol,
        classes=names,
        confusion=tuple(map(tuple, found.confusion.counts.tolist())),
        qualities={name: found.confusion.quality(name) for name in PROTOCOLS},
        candidate=trained.candidate,
        runtime_version=runtime_version(trained.runtime.name),
        dtype=trained.dtype,
        eager=(
            None if found.eager is None else {name: found.eager.quality(name) for name in PROTOCOLS}
        ),
        parity=(
            None
            if found.agreement is None
            else judge_parity(found.agreement.reply(), trained.runtime, images=data.name)
        ),
        created=timestamp(),
    )


@dataclass
class Classified:
    """What a network did with a split.

    Attributes:
        eager: what it does in eager and single precision, where it ran in something else; and how
            far that is from what was handed out.
    """

    confusion: ConfusionMatrix
    eager: ConfusionMatrix | None = None
    agreement: Agreement | None = None


@torch.inference_mode()
def classify(
    trained: TrainedNetwork, arrays: Arrays, *, batch: int, progress: Progress
) -> Classified:
    """Count the classes of all pixels of a split, and compare them with those of eager."""
    classes = len(trained.about.classes)
    found = Classified(ConfusionMatrix(classes))
    if trained.runtime != EAGER:
        found.eager = ConfusionMatrix(classes)
        found.agreement = Agreement(trained.runtime.head, TOLERANCES[trained.runtime.precision])
    count = len(arrays.names)
    for start in range(0, count, batch):
        pixels, labels = (part[start : start + batch] for part in (arrays.images, arrays.labels))
        handed_out = trained.hand_out(pixels, batch=min(batch, count))
        found.confusion.add(labels, trained.in_classes(handed_out).numpy())
        if found.eager is not None and found.agreement is not None:
            logits = trained.logits_of(pixels)
            found.eager.add(labels, logits.argmax(dim=1).numpy())
            found.agreement.add(handed_out, logits)
        progress("evaluating", min(start + batch, count), count)
    return found
