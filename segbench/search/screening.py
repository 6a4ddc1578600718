"""Screening: a latency model fitted to a few dozen timed networks of a study."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from segbench.errors import UsageError
from segbench.files import read_as, write_text
from segbench.measurement.schedule import IN_TURNS
from segbench.measurement.settings import Settings
from segbench.measurement.workers.cached_pools import CachedPools
from segbench.progress import Progress
from segbench.quantities import Times
from segbench.search.latency import time_beside
from segbench.search.latency_model import LatencyModel
from segbench.search.space import Choice, Study, Values, narrowed

MAX_TIMED = 32  # networks
PER_ROUND = 8  # networks, each in turns with the reference model
MIN_WIDTH_SHARE = 0.4  # of a drawn width

Ratio = tuple[Values, float]  # a choice, and its latency relative to the reference model's


def draw_networks(study: Study, count: int, *, seed: int) -> list[dict[str, Choice]]:
    """Return random choices, narrowed by random shares so that they spread over the space.

    Uniform draws alone have all about the same size, for their widths average out.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    found: list[dict[str, Choice]] = []
    for _ in range(count):
        share = rng.uniform(MIN_WIDTH_SHARE, 1.0)
        found.append(narrowed(study.draw(rng), study.dimensions, share))
    return found


def time_networks(
    study: Study,
    networks: Sequence[Values],
    settings: Settings,
    *,
    rounds: int = 1,
    pools: CachedPools | None = None,
    progress: Progress,
) -> list[Ratio]:
    """Measure networks in turns with the reference model, several in each round of processes.

    Args:
        pools: see :func:`segbench.search.latency.time_beside`.

    Raises:
        UsageError: a network cannot be built.
        MeasurementError: a network failed, or its process died.
    """
    found: list[Ratio] = []
    per_round = math.ceil(len(networks) / math.ceil(len(networks) / PER_ROUND))
    for start in range(0, len(networks), per_round):
        some = networks[start : start + per_round]
        progress(f"timing networks for the latency model: {start}", start, len(networks))
        timed = time_beside(
            [study.network(values) for values in some],
            study.reference_model,
            settings,
            min_rounds=rounds,
            max_rounds=rounds,
            sampling=IN_TURNS[0],  # longer: most networks are timed in a single round
            pools=pools,
        )
        found += [(values, each.ratio) for values, each in zip(some, timed, strict=True)]
    return found


def fit_ratios(
    study: Study, ratios: Sequence[Ratio], settings: Settings, *, classes: int
) -> LatencyModel:
    """Return a model of the ratio to the reference model's latency."""
    return LatencyModel.fit(
        partial(study.operators, size=settings.workload.size, classes=classes), ratios
    )


def ratio_model(
    study: Study,
    settings: Settings,
    *,
    classes: int,
    kept: Path,
    pools: CachedPools | None = None,
    progress: Progress,
    trials: int,
    measured: Sequence[Ratio] = (),
) -> Callable[[Values], float]:
    """Return a model of the ratio to the reference model's latency.

    Args:
        kept: file of the measurements, written if there is none.
        pools: see :func:`segbench.search.latency.time_beside`.
        trials: of the search; with fewer trials fewer networks are timed.
        measured: networks that were measured anyway, fitted too.

    Raises:
        UsageError: the file cannot be read, or is that of another study.
    """
    if kept.exists():
        ratios = _read(study, kept)
    else:
        count = max(min(trials, MAX_TIMED) - len(measured), PER_ROUND)
        networks = draw_networks(study, count, seed=settings.workload.seed)
        ratios = time_networks(study, networks, settings, pools=pools, progress=progress)
        write_text(kept, json.dumps(ratios, indent=1) + "\n", force=True)
    return fit_ratios(study, [*measured, *ratios], settings, classes=classes)


def _read(study: Study, path: Path) -> list[Ratio]:
    what = "timed networks"
    try:
        found = read_as(path, list[tuple[dict[str, Choice], Times]], what=what)
        if not found:
            raise UsageError(f"{what} {str(path)!r} are none")  # noqa: TRY301 - with what to do
        for values, _ in found:
            study.check(values)
    except UsageError as error:
        raise UsageError(f"{error}; remove it, and the networks are timed again") from error
    return list(found)
