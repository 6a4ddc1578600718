"""What a search found by now, from its ledger."""

from __future__ import annotations

import time

from segbench.environment import read_environment
from segbench.search.engine import reference_for
from segbench.search.importances import importances
from segbench.search.ledger import Ledger, Tried
from segbench.search.plan import Plan
from segbench.search.space import Study
from segbench.searches import Searched, Trial
from segbench.settings import Settings


def outcome(
    plan: Plan,
    study: Study,
    settings: Settings,
    ledger: Ledger,
    *,
    anchor_s: float,
    complete: bool,
) -> Searched:
    """Return all trials that are over or wait at a rung, and what the search was.

    Args:
        settings: of the measurements.
        anchor_s: what the rival took when the search began.
        complete: whether as many trials are over as were asked for.
    """
    job, seen = plan.job, read_environment()
    return Searched(
        study=study.name,
        dataset=job.dataset,
        protocol=job.protocol,
        recipe=job.recipe,
        size=settings.size,
        train_size=job.size,
        threads=settings.thread_count,
        runtime=plan.runtime,
        sampler=plan.sampler,
        seed=job.seed,
        epochs=job.plan.epochs,
        budget_s=None if plan.budget is None else plan.budget.seconds(anchor_s),
        rival=study.rival.name,  # its options are the study's own
        reference=reference_for(anchor_s),
        asked=plan.trials,
        trials=tuple(_trial(each, study, settings) for each in ledger.tried()),
        machine=f"{seen.cpu_model or 'unknown CPU'}, torch {seen.torch}",
        importances=importances(ledger.study) if complete else {},
        complete=complete,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def _trial(tried: Tried, study: Study, settings: Settings) -> Trial:
    seen, timed = tried.seen, tried.timed
    last = max(seen.rungs, default=0)
    layers = study.layers(seen.values, size=settings.size, classes=settings.classes or 0)
    return Trial(
        number=seen.number,
        model=tried.model,
        state=seen.state,
        reason=tried.reason,
        latency_s=seen.latency_s,
        ratio=None if timed is None else timed.ratio,
        ratio_ci95=None if timed is None else timed.interval,
        epochs=last,
        miou=seen.rungs.get(last),
        params=sum(layer.params for layer in layers),
        macs=sum(layer.macs for layer in layers),
        spent=tried.spent,
    )
