"""Reproduction: networks trained with several seeds, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segbench.bounds import check_count
from segbench.data.registry import open_dataset
from segbench.errors import UsageError
from segbench.measurement.host.reading import read_environment
from segbench.progress import timestamp
from segbench.results.reproduction import Reproduced, Reproduction
from segbench.training.config import Job
from segbench.training.history import best_of
from segbench.training.repeated import TrainingObserver, train_several
from segbench.training.summary import read_history, read_speeds
from zoo.building import check_buildable
from zoo.registry import known


def reproduce(
    models: Sequence[str], job: Job, *, seeds: int, out: Path, observer: TrainingObserver
) -> Reproduction:
    """Train every network with every seed; resume the runs that are there.

    Args:
        job: training of each; its model and seed are replaced.
        seeds: number of seeds, from 0.
        out: folder of the runs, one for each network and seed.

    Raises:
        UsageError: an existing run has another job.
        DataError: the dataset cannot be read.
        MeasurementError: a loss is not finite.
    """
    check_count("seeds", seeds)
    named: dict[str, str] = {}
    for model in models:  # all, before the hours of the first training
        name = replace(job, model=model).spec.name.replace(":", ".")
        other = named.setdefault(name, model)
        if models.count(model) > 1 or other != model:
            raise UsageError(
                f"models {other!r} and {model!r} would be kept in the same folders; reproduce them "
                "one by one, with other folders for --out"
            )
    data = open_dataset(job.dataset, Path(job.data_root) if job.data_root else None)
    for model in models:
        check_buildable(replace(job, model=model).spec_for(len(data.classes)))
    rows = []
    for name, model in named.items():
        jobs = {
            out / f"{name}-{seed}": replace(job, model=model, seed=seed) for seed in range(seeds)
        }
        train_several(jobs, observer)
        rows.append(summarise(model, job.dataset, list(jobs)))
    return Reproduction(
        dataset=job.dataset,
        protocol=job.protocol,
        recipe=job.recipe,
        size=job.size,
        most_epochs=job.effective_recipe.epochs,
        rows=tuple(rows),
        machine=_machine(job),
        created=timestamp(),
    )


def summarise(model: str, dataset: str, folders: Sequence[Path]) -> Reproduced:
    """Return the figures of one network's runs, by seed."""
    histories = [read_history(folder / "history.csv") for folder in folders]
    best = [found for history in histories if (found := best_of(history)) is not None]
    return Reproduced(
        model=model,
        seeds=tuple(range(len(folders))),
        pixel_accuracy=tuple(epoch.pixel_accuracy for epoch in best),
        miou=tuple(epoch.miou for epoch in best),
        best_epochs=tuple(epoch.epoch for epoch in best),
        epochs=tuple(map(len, histories)),
        train_s=tuple(_seconds(folder / "speed.csv") for folder in folders),
        paper=_published(model, dataset),
    )


def _published(model: str, dataset: str) -> tuple[float, float] | None:
    entry = known(model)
    if entry is None or entry.published is None or dataset not in entry.published.accuracy:
        return None
    quality = entry.published.accuracy[dataset]
    return quality.pixel_accuracy / 100, quality.miou


def _seconds(path: Path) -> float:
    return sum(speed.train_s + speed.validation_s for speed in read_speeds(path))


def _machine(job: Job) -> str:
    seen = read_environment()
    if job.device == "cuda":
        import torch  # noqa: PLC0415 - it was imported to train

        return f"{torch.cuda.get_device_name()}, torch {seen.torch}"
    return f"{seen.cpu_model or 'unknown CPU'}, {seen.effective_cpus} CPUs, torch {seen.torch}"
