"""Train the rival and the front of a search in full, each with several seeds.

None of them is the search's own. Of many networks that were trained with one seed the front has
those that it suited, and with that seed they would keep their luck.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segbench.errors import UsageError
from segbench.retrainings import Retrained, Retraining
from segbench.searches import Searched, Trial
from segbench.training.history import best_of
from segbench.training.job import Job
from segbench.training.listing import read_history
from segbench.training.several import Watch, train_several

LEAST = 3  # networks that have an order to speak of


def retrain(found: Searched, job: Job, folder: Path, *, seeds: int, watch: Watch) -> Retraining:
    """Train every network with every seed, and go on with the runs that are there.

    Args:
        job: what all have in common; model and seed are replaced.
        seeds: how many.
        folder: of the runs, one for each network and seed.

    Raises:
        UsageError: there is no front, or a run that is there is of another job.
        DataError: the dataset cannot be read.
    """
    networks = to_retrain(found)
    if not networks:
        raise UsageError("this search has trained no network to the end, so there is no front")
    fresh = tuple(range(found.seed + 1, found.seed + 1 + seeds))
    rows = []
    for trial in networks:
        jobs = {
            folder / f"{trial.number:04}-{seed}": replace(job, model=trial.model, seed=seed)
            for seed in fresh
        }
        train_several(jobs, watch)
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
        epochs=job.plan.epochs,
        searched_epochs=found.epochs,
        seeds=fresh,
        rows=tuple(rows),
        tau=kendall([row.searched_miou for row in rows], [row.mean for row in rows]),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def to_retrain(found: Searched) -> list[Trial]:
    """Return the rival and the front, the rival first."""
    front = found.front
    rival = [trial for trial in found.trials[:1] if trial.point and trial not in front]
    return [*rival, *front]


def kendall(some: Sequence[float], others: Sequence[float]) -> float | None:
    """Return how well two rankings agree; None for too few figures, or where all are equal.

    >>> kendall([0.1, 0.2, 0.3], [0.4, 0.6, 0.5])
    0.333
    """
    from scipy.stats import kendalltau  # noqa: PLC0415 - it takes a second

    if len(some) < LEAST or len(set(some)) == 1 or len(set(others)) == 1:
        return None
    return round(float(kendalltau(some, others).statistic), 3)
