"""Compare profiles of one run: ratios with intervals, beside the floor of noise and the paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from segbench.errors import NotComparableError
from segbench.metrics import METRICS, Metric, phase_of
from segbench.recording import block_medians
from segbench.results import Latencies, Latency, Profile, Ratio
from segbench.statistics import Interval, geometric_mean, ratio_interval
from zoo.registry import published_ratio


def check_comparable(baseline: Profile, candidate: Profile) -> None:
    """Refuse two profiles of different workloads or machines.

    Raises:
        NotComparableError: naming the first thing that differs.
    """
    mine, theirs = baseline.workload, candidate.workload
    # What the worker was seen to have differs between processes; what was asked for must not.
    for field in dataclasses.fields(mine):
        if field.name == "threads":
            before, now = mine.threads.requested, theirs.threads.requested
        else:
            before, now = getattr(mine, field.name), getattr(theirs, field.name)
        if before != now:
            differ = "differ" if field.name == "threads" else "differs"
            raise NotComparableError(
                f"cannot compare {candidate.model.label} with {baseline.model.label}: "
                f"{field.name} {differ} (baseline {before}, candidate {now}); "
                "profile both with the same workload"
            )
    differences = baseline.environment.differences(candidate.environment)
    if differences:
        raise NotComparableError(
            f"cannot compare {candidate.model.label} with {baseline.model.label}: "
            f"{'; '.join(differences)}; profile both on one machine"
        )


def make_ratios(
    profiles: Sequence[Profile], baseline: Profile, control: Latencies, *, seed: int
) -> tuple[Ratio, ...]:
    """Return every metric of every profile but the baseline's over the baseline's."""
    floors = {
        metric.name: _noise_floor(metric, baseline, control, seed=seed)
        for metric in METRICS.values()
    }
    return tuple(
        ratio
        for profile in profiles
        if profile is not baseline
        for metric in METRICS.values()
        if (ratio := _ratio(metric, profile, baseline, floors[metric.name], seed=seed))
    )


def _ratio(
    metric: Metric, candidate: Profile, baseline: Profile, floor: Interval | None, *, seed: int
) -> Ratio | None:
    paper = None
    if metric.published is not None:
        paper = published_ratio(candidate.model.label, baseline.model.label, metric.published)
    if metric.phase is None:
        above, below = metric.read(candidate), metric.read(baseline)
        if above is None or not below:
            return None
        return Ratio(candidate.model.label, metric.name, above / below, None, None, paper)
    pairs = _paired_ratios(
        phase_of(candidate.latency, metric.phase), phase_of(baseline.latency, metric.phase)
    )
    if not pairs:
        return None
    return Ratio(
        model=candidate.model.label,
        metric=metric.name,
        ratio=geometric_mean(pairs),
        ci95=ratio_interval(pairs, seed=seed),
        noise_floor=floor,
        paper=paper,
    )


def _noise_floor(
    metric: Metric, baseline: Profile, control: Latencies, *, seed: int
) -> Interval | None:
    if metric.phase is None:
        return None
    pairs = _paired_ratios(
        phase_of(control, metric.phase), phase_of(baseline.latency, metric.phase)
    )
    return ratio_interval(pairs, seed=seed) if pairs else None


def _paired_ratios(candidate: Latency | None, baseline: Latency | None) -> list[list[float]]:
    """Return the ratios of block medians of equal round and cycle, by round."""
    if candidate is None or baseline is None:
        return []
    above = block_medians(candidate.samples_s, candidate.blocks)
    below = block_medians(baseline.samples_s, baseline.blocks)
    # Both lists of a round are in the order of the cycles; a run that was cut off has them uneven.
    return [
        [upper / lower for upper, lower in zip(above[number], below[number], strict=False)]
        for number in above
        if number in below
    ]
