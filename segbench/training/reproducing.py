"""Train networks with several seeds each, as the paper does, and set its figures beside them."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segbench.environment import read_environment
from segbench.errors import UsageError
from segbench.reproductions import Reproduced, Reproduction
from segbench.training.history import best_of
from segbench.training.job import Job
from segbench.training.listing import read_history
from segbench.training.several import Watch, train_several
from zoo.registry import known


def reproduce(
    models: Sequence[str], job: Job, *, seeds: int, out: Path, watch: Watch
) -> Reproduction:
    """Train every network with every seed, and go on with the runs that are there.

    Args:
        job: what all have in common; its model and seed are replaced.
        seeds: how many, from 0.
        out: the folder of the runs, one for each network and seed.

    Raises:
        UsageError: a run that is there is of another job.
        DataError: the dataset cannot be read.
        MeasurementError: a loss is no number any more.
    """
    if seeds < 1:
        raise UsageError(f"seeds must be a positive whole number, got {seeds}")
    rows = []
    for model in models:
        jobs = {}
        for seed in range(seeds):
            mine = replace(job, model=model, seed=seed)
            jobs[out / f"{mine.spec.name.replace(':', '.')}-{seed}"] = mine
        train_several(jobs, watch)
        rows.append(summarise(model, job.dataset, list(jobs)))
    return Reproduction(
        dataset=job.dataset,
        protocol=job.protocol,
        recipe=job.recipe,
        size=job.size,
        most_epochs=job.plan.epochs,
        rows=tuple(rows),
        machine=_machine(job),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def summarise(model: str, dataset: str, folders: Sequence[Path]) -> Reproduced:
    """Return what the runs of one network gave, in the order of their seeds."""
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
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return sum(float(row["train_s"]) + float(row["validation_s"]) for row in rows)


def _machine(job: Job) -> str:
    seen = read_environment()
    if job.device == "cuda":
        import torch  # noqa: PLC0415 - it was imported to train

        return f"{torch.cuda.get_device_name()}, torch {seen.torch}"
    return f"{seen.cpu_model or 'unknown CPU'}, {seen.effective_cpus} CPUs, torch {seen.torch}"
