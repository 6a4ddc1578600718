"""Result of a search, from its store."""

from __future__ import annotations

from segbench.measurement.host.reading import read_environment
from segbench.measurement.settings import Settings
from segbench.progress import timestamp
from segbench.results.search import SearchResult, Trial
from segbench.search.config import SearchConfig
from segbench.search.engine import reference_point
from segbench.search.space import Study
from segbench.search.trial import TrialRecord
from segbench.search.trial_store import TrialStore


def outcome(
    config: SearchConfig,
    study: Study,
    settings: Settings,
    store: TrialStore,
    *,
    reference_s: float,
    complete: bool,
) -> SearchResult:
    """Return the configuration of a search with all trials that are over or wait at a rung.

    Args:
        settings: of the measurements.
        reference_s: latency of the reference model when the search began.
        complete: whether as many trials are over as were asked for.
    """
    job, environment = config.job, read_environment()
    return SearchResult(
        study=study.name,
        dataset=job.dataset,
        protocol=job.protocol,
        recipe=job.recipe,
        size=settings.workload.size,
        train_size=job.size,
        threads=settings.thread_count,
        runtime=config.runtime,
        sampler=config.sampler,
        seed=job.seed,
        epochs=job.effective_recipe.epochs,
        budget_s=None if config.budget is None else config.budget.seconds(reference_s),
        rival=study.reference_model.name,  # its options are the study's own
        reference=reference_point(reference_s),
        asked=config.trials,
        trials=tuple(_trial(each, study, settings) for each in store.trials()),
        machine=f"{environment.cpu_model or 'unknown CPU'}, torch {environment.torch}",
        importances=store.importances() if complete else {},
        complete=complete,
        created=timestamp(),
    )


def _trial(record: TrialRecord, study: Study, settings: Settings) -> Trial:
    layers = study.operators(
        record.values, size=settings.workload.size, classes=settings.workload.classes or 0
    )
    return Trial(
        number=record.number,
        model=record.model,
        state=record.state,
        reason=record.reason,
        latency_s=record.latency_s,
        ratio=None if record.timed is None else record.timed.ratio,
        ratio_ci95=None if record.timed is None else record.timed.interval,
        epochs=record.epochs,
        miou=record.rungs.get(record.epochs),
        params=int(sum(layer.params for layer in layers)),
        macs=int(sum(layer.macs for layer in layers)),
        spent=record.spent,
    )
