"""Report of a comparison: exact figures, latencies, and ratios beside those of the paper."""

from __future__ import annotations

import math
from collections.abc import Sequence

from segbench import units
from segbench.results.metrics import METRICS, phase_of
from segbench.results.profile import PHASES, Comparison, Latency, Parity, Profile, Ratio
from segbench.results.report.contents import (
    Report,
    Table,
    count_of,
    describe_machine,
    describe_workload,
    remarks_on,
)
from segbench.results.report.short_names import with_short_names
from segbench.results.speeds import find_speeds, ratio_at

RATIOS = ("latency.forward.p50_s", "latency.backward.p50_s", "params")


def report_comparison(comparison: Comparison) -> Report:
    """Say everything about several networks that were measured in one run."""
    first = comparison.profiles[0]
    tables = [exact_table(comparison.profiles)]
    if any(profile.parity for profile in comparison.profiles):
        tables.append(runtime_table(comparison.profiles))
    if any(phase_of(profile.latency, "forward") for profile in comparison.profiles):
        tables += [latency_table(comparison.profiles), _ratio_table(comparison)]
    remarks = dict.fromkeys(
        remark for profile in comparison.profiles for remark in remarks_on(profile)
    )
    report = Report(
        headings=(
            f"{len(comparison.profiles)} networks, measured in turns",
            describe_workload(comparison.profiles),
            describe_machine(first),
        ),
        tables=tuple(tables),
        remarks=(*_failures(comparison), *remarks, *_speeds_remark(comparison)),
    )
    return with_short_names(report, [profile.label for profile in comparison.profiles])


def _failures(comparison: Comparison) -> list[str]:
    return [f"{each.model}: not measured: {each.reason}" for each in comparison.failures]


def _speeds_remark(comparison: Comparison) -> tuple[str, ...]:
    """Say whether the machine had two speeds, and what the forward ratios were at either."""
    baseline = next(p for p in comparison.profiles if p.label == comparison.baseline)
    forward = phase_of(baseline.latency, "forward")
    speeds = find_speeds(forward)
    if speeds is None or forward is None:
        return ()
    ratios = [
        f"{profile.label} {units.times(fast)} and {units.times(slow)}"
        for profile in comparison.profiles
        if profile is not baseline and (mine := phase_of(profile.latency, "forward")) is not None
        if not math.isnan(fast := ratio_at(mine, forward, speeds.fast))
        and not math.isnan(slow := ratio_at(mine, forward, speeds.slow))
    ]
    remark = (
        f"this machine had two speeds: {comparison.baseline} took {units.seconds(speeds.fast_s)} "
        f"in {len(speeds.fast)} rounds and {units.seconds(speeds.slow_s)} in {len(speeds.slow)}; "
        f"ratios to it were {', '.join(ratios)}"
    )
    return (remark,)


def exact_table(profiles: Sequence[Profile]) -> Table:
    """Return a row of exact figures for each network."""
    rows = tuple(
        (
            profile.label,
            units.count(profile.params),
            units.size(profile.weights_bytes),
            count_of(profile, "macs.forward"),
            count_of(profile, "macs.backward"),
            units.size(profile.memory.forward_peak_bytes),
            units.size(profile.memory.train_peak_bytes),
        )
        for profile in profiles
    )
    columns = ("model", "params", "weights", "MACs fwd", "MACs bwd", "mem infer", "mem train")
    return Table("size, work and peak memory", columns, rows).without_unknown()


def runtime_table(profiles: Sequence[Profile]) -> Table:
    """Return a row for each candidate: what its runtime computed with, prepared, and got right."""
    rows = tuple(
        (
            profile.label,
            profile.workload.dtype,
            units.seconds(profile.preparation.time_s if profile.preparation else None),
            units.size(profile.preparation.peak_bytes if profile.preparation else None),
            *_parity_cells(profile.parity),
        )
        for profile in profiles
    )
    columns = ("model", "computes in", "prepare", "mem prepare", "difference", "same class")
    caption = (
        "difference: of a logit to eager in single precision, as a share of the largest, on drawn "
        "street scenes."
    )
    return Table("runtimes", columns, rows, caption, spare=("mem prepare",))


def _parity_cells(parity: Parity | None) -> tuple[str, str]:
    if parity is None:
        return "-", "-"
    difference = "-" if parity.max_difference is None else f"{parity.max_difference:.1g}"
    wrong = "" if parity.is_right else " (wrong)"
    return difference, f"{100 * parity.argmax_agreement:.2f} %{wrong}"


def latency_table(profiles: Sequence[Profile]) -> Table:
    """Return a row of latencies for each network."""
    rows = [_latency_row(profile) for profile in profiles]
    columns = ("model", "forward", "forward, training", "backward", "optimizer step")
    caption = "median of a call, and half the width of its 95 % interval"
    return Table("latency", columns, tuple(rows), caption).without_unknown()


def _latency_row(profile: Profile) -> tuple[str, ...]:
    return (
        profile.label,
        *(_with_spread(phase_of(profile.latency, phase)) for phase in PHASES),
    )


def _with_spread(latency: Latency | None) -> str:
    if latency is None:
        return "-"
    if latency.ci95_s is None:
        return units.seconds(latency.p50_s)
    low, high = latency.ci95_s
    return f"{units.seconds(latency.p50_s)} ±{100 * (high - low) / 2 / latency.p50_s:2.0f} %"


def _ratio_table(comparison: Comparison) -> Table:
    found = {(ratio.model, ratio.metric): ratio for ratio in comparison.ratios}
    rows = [
        (
            profile.label,
            *(
                cell
                for metric in RATIOS
                for cell in _ratio_cells(found.get((profile.label, metric)))
            ),
        )
        for profile in comparison.profiles
        if profile.label != comparison.baseline
    ]
    headings = (METRICS[metric].title for metric in RATIOS)
    columns = ("model", *(text for heading in headings for text in (heading, "paper")))
    floor = next((r.noise_floor for r in comparison.ratios if r.noise_floor), None)
    caption = "in brackets the 95 % interval"
    if floor is not None:
        caption += (
            f"; {comparison.baseline} against itself, forward: {floor[0]:.3f} - {floor[1]:.3f}"
        )
    return Table(f"times {comparison.baseline}", columns, tuple(rows), caption).without_unknown()


def _ratio_cells(ratio: Ratio | None) -> tuple[str, str]:
    if ratio is None:
        return "-", "-"
    shown = units.times(ratio.ratio)
    if ratio.ci95 is not None:
        low, high = map(units.significant, ratio.ci95)
        shown += f" ({low}-{high})"
    return shown, units.times(ratio.paper)
