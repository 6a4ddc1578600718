"""Report of a baseline: its networks, and their times in units of the reference workload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench import units
from segbench.results.metrics import phase_of
from segbench.results.profile import PHASES
from segbench.results.report.comparing import exact_table, latency_table
from segbench.results.report.contents import (
    PHASE_TITLES,
    Report,
    Table,
    describe_machine,
    describe_workload,
    remarks_on,
)
from segbench.results.samples import paired_ratios
from segbench.results.statistics import ratio_interval, ratio_of

if TYPE_CHECKING:
    from segbench.results.baseline import Baseline
    from segbench.results.profile import Latency


def report_baseline(baseline: Baseline) -> Report:
    """Say what later runs can be held against."""
    first = baseline.profiles[0]
    count = len(baseline.profiles)
    remarks = (remark for profile in baseline.profiles for remark in remarks_on(profile))
    return Report(
        headings=(
            f"baseline of {count} network{'s' * (count != 1)}",
            describe_workload(baseline.profiles),
            describe_machine(first),
        ),
        tables=(
            exact_table(baseline.profiles),
            latency_table(baseline.profiles),
            _normalised_table(baseline),
        ),
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _normalised_table(baseline: Baseline) -> Table:
    rows = tuple(
        (
            profile.label,
            *(
                _times(phase_of(profile.latency, phase), phase_of(baseline.reference, phase))
                for phase in PHASES
            ),
        )
        for profile in baseline.profiles
    )
    columns = ("model", *(PHASE_TITLES[phase] for phase in PHASES))
    caption = "what --normalised holds against, and half the width of its 95 % interval"
    return Table("times the reference workload", columns, rows, caption)


def _times(latency: Latency | None, reference: Latency | None) -> str:
    pairs = paired_ratios(latency, reference)
    if not pairs:
        return "-"
    interval = ratio_interval(pairs)
    ratio = ratio_of(pairs)
    if interval is None:
        return units.times(ratio)
    low, high = interval
    return f"{units.times(ratio)} ±{100 * (high - low) / 2 / ratio:2.0f} %"
