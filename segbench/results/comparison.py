"""Compare profiles of one run: ratios with intervals, beside the floor of noise and the paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

from segbench.errors import NotComparableError
from segbench.results.candidate import Candidate
from segbench.results.metrics import METRICS, Metric, is_lower_bound, phase_of
from segbench.results.profile import Latencies, Profile, Ratio
from segbench.results.samples import paired_ratios
from segbench.results.statistics import Interval, ratio_interval, ratio_of
from segbench.results.workload import MeasuredWorkload
from zoo.registry import published_ratio


def workload_differences(
    baseline: MeasuredWorkload, candidate: MeasuredWorkload, *, may_differ: Collection[str] = ()
) -> tuple[str, ...]:
    """Say what differs between two workloads; empty when they are the same.

    Args:
        may_differ: fields that are passed over.
    """
    found = []
    # What the worker was seen to have differs between processes; what was asked for must not.
    for field in dataclasses.fields(baseline):
        if field.name in may_differ:
            continue
        if field.name == "threads":
            before, now = baseline.threads.requested, candidate.threads.requested
        else:
            before, now = getattr(baseline, field.name), getattr(candidate, field.name)
        if before != now:
            differ = "differ" if field.name == "threads" else "differs"
            found.append(f"{field.name} {differ} (baseline {before}, candidate {now})")
    return tuple(found)


def check_comparable(baseline: Profile, candidate: Profile) -> None:
    """Refuse two profiles of one run that did different work, or on different machines.

    Runtimes, precisions and threads may differ where the candidates say so: they are what is
    compared then.

    Raises:
        NotComparableError: naming what differs.
    """
    found = workload_differences(
        baseline.workload,
        candidate.workload,
        may_differ=_told_apart(baseline.candidate, candidate.candidate),
    )
    if found:
        raise NotComparableError(
            f"cannot compare {candidate.label} with {baseline.label}: "
            f"{'; '.join(found)}; profile both with the same workload"
        )
    differences = baseline.environment.differences(candidate.environment)
    if differences:
        raise NotComparableError(
            f"cannot compare {candidate.label} with {baseline.label}: "
            f"{'; '.join(differences)}; profile both on one machine"
        )


def _told_apart(one: Candidate | None, other: Candidate | None) -> tuple[str, ...]:
    """Return the fields of a workload in which two candidates say that they differ."""
    if one is None or other is None:
        return ()
    runtime = ("runtime", "runtime_version", "dtype") if one.runtime != other.runtime else ()
    return (*runtime, *(("threads",) if one.threads != other.threads else ()))


def make_ratios(
    profiles: Sequence[Profile], baseline: Profile, control: Latencies
) -> tuple[Ratio, ...]:
    """Return every metric of every profile but the baseline's over the baseline's."""
    floors = {metric.name: _noise_floor(metric, baseline, control) for metric in METRICS.values()}
    return tuple(
        ratio
        for profile in profiles
        if profile is not baseline
        for metric in METRICS.values()
        if (ratio := _ratio(metric, profile, baseline, floors[metric.name]))
    )


def _ratio(
    metric: Metric, candidate: Profile, baseline: Profile, floor: Interval | None
) -> Ratio | None:
    paper = None
    if metric.published is not None:
        paper = published_ratio(candidate.label, baseline.label, metric.published)
    if metric.phase is None:
        above, below = metric.read(candidate), metric.read(baseline)
        if not above or not below:  # of nothing there are no multiples
            return None
        if any(is_lower_bound(metric.name, profile) for profile in (candidate, baseline)):
            return None
        return Ratio(candidate.label, metric.name, above / below, None, None, paper)
    pairs = paired_ratios(
        phase_of(candidate.latency, metric.phase), phase_of(baseline.latency, metric.phase)
    )
    if not pairs:
        return None
    return Ratio(
        model=candidate.label,
        metric=metric.name,
        ratio=ratio_of(pairs),
        ci95=ratio_interval(pairs),
        noise_floor=floor,
        paper=paper,
    )


def _noise_floor(metric: Metric, baseline: Profile, control: Latencies) -> Interval | None:
    if metric.phase is None:
        return None
    pairs = paired_ratios(phase_of(control, metric.phase), phase_of(baseline.latency, metric.phase))
    return ratio_interval(pairs) if pairs else None
