"""Retraining: the reference model and the front of a search, in full and with several seeds.

The search's own seed is not among them. Of many networks trained with one seed the front holds
those that the seed favoured, and with the same seed they would be favoured again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segbench.bounds import check_count
from segbench.data.registry import open_dataset
from segbench.errors import UsageError
from segbench.progress import timestamp
from segbench.results.retraining import Retrained, Retraining
from segbench.results.search import SearchResult, Trial
from segbench.training.config import Job
from segbench.training.history import best_of
from segbench.training.repeated import TrainingObserver, train_several
from segbench.training.summary import read_history
from zoo.allowed import check_allowed
from zoo.spec import ModelSpec

MIN_NETWORKS = 3  # for a rank correlation


def retrain(
    found: SearchResult, job: Job, folder: Path, *, seeds: int, observer: TrainingObserver
) -> Retraining:
    """Train every network with every seed; resume the runs that are there.

    Args:
        job: training of each; model and seed are replaced.
        seeds: number of seeds.
        folder: of the runs, one for each network and seed.

    Raises:
        ForbiddenImportError: a network's code was not allowed to be imported.
        UsageError: there is no front, or a run that is there is of another job.
        DataError: the dataset cannot be read.
    """
    check_count("seeds", seeds)
    networks = to_retrain(found)
    if not networks:
        raise UsageError("this search has trained no network to the end, so there is no front")
    for trial in networks:
        check_allowed(ModelSpec.parse(trial.model).name, source="the search")
    open_dataset(job.dataset, Path(job.data_root) if job.data_root else None)
    fresh = tuple(range(found.seed + 1, found.seed + 1 + seeds))
    rows = []
    for trial in networks:
        jobs = {
            folder / f"{trial.number:04}-{seed}": replace(job, model=trial.model, seed=seed)
            for seed in fresh
        }
        train_several(jobs, observer)
        best = [best_of(read_history(run / "history.csv")) for run in jobs]
        reached = [epoch.miou if epoch else 0.0 for epoch in best]
        rows.append(
            Retrained(
                trial.number, trial.model, trial.latency_s or 0, trial.miou or 0, tuple(reached)
            )
        )
    return Retraining(
        study=found.study,
        dataset=job.dataset,
        protocol=job.protocol,
        recipe=job.recipe,
        epochs=job.effective_recipe.epochs,
        searched_epochs=found.epochs,
        seeds=fresh,
        rows=tuple(rows),
        tau=kendall([row.searched_miou for row in rows], [row.mean for row in rows]),
        created=timestamp(),
    )


def to_retrain(found: SearchResult) -> list[Trial]:
    """Return the reference model and the front, the reference model first if it is not on it."""
    front, reference = found.front, found.reference_trial
    if reference and reference.point and reference not in front:
        return [reference, *front]
    return front


def kendall(some: Sequence[float], others: Sequence[float]) -> float | None:
    """Return Kendall's tau of two rankings; None for too few figures, or where all are equal.

    >>> kendall([0.1, 0.2, 0.3], [0.4, 0.6, 0.5])
    0.333
    """
    from scipy.stats import kendalltau

    if len(some) < MIN_NETWORKS or len(set(some)) == 1 or len(set(others)) == 1:
        return None
    return round(float(kendalltau(some, others).statistic), 3)
