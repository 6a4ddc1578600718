"""Latency measurement of a search: networks in turns with the reference model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from segbench.errors import MeasurementError
from segbench.measurement.run import Run
from segbench.measurement.schedule import IN_TURNS, Pair, Sampling
from segbench.measurement.settings import Settings
from segbench.measurement.workers.cached_pools import CachedPools
from segbench.measurement.workers.pool import start_pools
from segbench.progress import Progress, ignore_progress
from segbench.results.samples import paired_ratios
from segbench.results.statistics import ratio_interval, ratio_of
from segbench.search.trial import LatencyRatio
from zoo.spec import ModelSpec

MIN_ROUNDS, MAX_ROUNDS = 3, 12
NARROW = 0.03  # half-width of a ratio's interval at which no more rounds are needed
MAX_SECONDS = 7.0  # per network; the fewest rounds are run even where they take longer
# Three rounds on a busy machine can leave a ratio too uncertain to decide anything. A network whose
# half-width is above this may take as long again.
WIDE = 0.15
# Pairs are half as long as those of `segbench compare`, and so are the longest where blocks differ:
# a search measures many networks, and what it finds is compared at length anyway.
SAMPLING = replace(IN_TURNS[0], pair_s=IN_TURNS[0].pair_s / 2)


def time_beside(
    specs: Sequence[ModelSpec],
    reference: ModelSpec,
    settings: Settings,
    *,
    min_rounds: int = MIN_ROUNDS,
    max_rounds: int = MAX_ROUNDS,
    max_seconds: float = MAX_SECONDS,
    sampling: Sampling = SAMPLING,
    pools: CachedPools | None = None,
    progress: Progress = ignore_progress,
) -> list[LatencyRatio]:
    """Measure networks, each in turns with the reference model, in rounds of fresh processes.

    The reference model may be among the networks: it is then measured beside the others, or by
    itself if there are no others.

    Args:
        min_rounds: fewest rounds; up to `max_rounds` for networks whose interval is too wide.
        max_seconds: for each network. Beyond the fewest rounds none begins that would end later, if
            it takes as long as those before it. Networks with a wide interval get as long again.
        sampling: of a pair of a network and the reference model.
        pools: cached worker pools; None for pools that end with this measurement.

    Raises:
        UsageError: a network cannot be built.
        MeasurementError: a network failed, or its process died.
    """
    candidates = [*(spec for spec in specs if spec != reference), reference]
    last = len(candidates) - 1
    tasks = [settings.task(spec) for spec in candidates]
    run = Run(
        tasks,
        settings.describe_input(),
        progress,
        strict=False,
        training=False,
        start_pools=start_pools if pools is None else pools.begin(),
    )
    pairs: list[Pair] = [(candidate, last) for candidate in range(last)] or [(last,)]

    def is_wider(candidate: int, limit: float) -> bool:
        interval = ratio_interval(_block_pairs(run, candidate, last))
        return interval is None or math.sqrt(interval[1] / interval[0]) - 1 > limit

    def enough(rounds: int) -> bool:
        if rounds < min_rounds:
            return False
        then_s = run.elapsed_s * (1 + 1 / rounds)  # after one more
        limit = NARROW if then_s <= max_seconds * max(last, 1) else WIDE
        pairs[:] = [pair for pair in pairs if pair[0] != last and is_wider(pair[0], limit)]
        return not pairs or then_s > max_seconds * (last + len(pairs))

    with run:
        seed = settings.workload.seed
        run.time(pairs, most=max_rounds, seed=seed, plan=(sampling,), enough=enough)
    return [_ratio(run, candidates.index(spec), last) for spec in specs]


def _block_pairs(run: Run, candidate: int, reference: int) -> list[list[float]]:
    forward, other = (run.recordings[at].phases["forward"] for at in (candidate, reference))
    return paired_ratios(forward, other)


def _ratio(run: Run, candidate: int, reference: int) -> LatencyRatio:
    beside = run.recordings[reference].latencies().forward
    pairs = _block_pairs(run, candidate, reference)
    if beside is None or not pairs:
        raise MeasurementError("no network was timed; the run ended before its first block")
    if candidate == reference:
        return LatencyRatio(1.0, None, beside.p50_s, len(pairs))
    return LatencyRatio(ratio_of(pairs), ratio_interval(pairs), beside.p50_s, len(pairs))
