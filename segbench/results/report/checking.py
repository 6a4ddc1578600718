"""Report of a check of budgets: the verdict in words, a row for each limit, and what to do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from segbench import units
from segbench.results.check import Check, Judgement
from segbench.results.comparison import workload_differences
from segbench.results.metrics import METRICS
from segbench.results.profile import Profile
from segbench.results.report.contents import (
    Report,
    Table,
    Tone,
    describe_machine,
    describe_workload,
    remarks_on,
)
from segbench.results.report.figures import with_interval, write_beside, write_figure

NOT_JUDGED = "not judged"
TONES: dict[str, Tone] = {
    "within": "good",
    "over": "bad",
    "inconclusive": "unclear",
    NOT_JUDGED: "unclear",
}
# Fields of a workload that belong to a candidate, or that a heading does not name.
NOT_SAID = ("runtime", "runtime_version", "dtype", "seed", "logits", "enlarge")
INTERRUPTED = "interrupted: what is partial is not judged"
ADVICE = "inconclusive: give it more time with --max-time, or measure on a quieter machine"


def report_check(check: Check) -> Report:
    """Say whether budgets are kept, and show each limit beside what was measured."""
    return Report(
        headings=(describe_verdict(check), *describe_run(check)),
        tables=(_judgement_table(check),) if check.judgements else (),
        remarks=remarks_on_check(check),
        tone=TONES[check.verdict or NOT_JUDGED],
    )


def describe_verdict(check: Check) -> str:
    """Return the verdict over all limits in words, with how many of them it rests on.

    >>> describe_verdict(Check("within", (), ()))
    'within budget: 0 of 0 limits'
    """
    found = [judgement.verdict for judgement in check.judgements]
    unclear = found.count("inconclusive")
    match check.verdict:
        case "within" | "over":
            words = f"{check.verdict} budget: {found.count(check.verdict)} of {len(found)} limits"
            return f"{words}, {unclear} inconclusive" if unclear else words
        case "inconclusive":
            return f"inconclusive: {unclear} of {len(found)} limits"
        case _ if not check.complete:
            return f"{NOT_JUDGED}: interrupted"
        case _:
            return f"{NOT_JUDGED}: {found.count(None)} of {len(found)} limits"


def describe_run(check: Check) -> tuple[str, ...]:
    """Return workloads, machine, budget file and the other revision, one line each."""
    workloads = _workloads(check)
    texts = list(map(describe_workload, workloads))
    several = len(texts) > 1
    lines = [f"({number}) {text}" if several else text for number, text in enumerate(texts, 1)]
    if check.profiles:
        lines.append(describe_machine(check.profiles[0]))
    if check.budget is not None:
        lines.append(f"budget: {check.budget}")
    if check.revision is not None:
        lines.append(f"baseline: {check.revision.name}, commit {check.revision.commit}")
    return tuple(lines)


def name_rows(check: Check) -> tuple[str, ...]:
    """Return the model of each judgement, with the workload's number where there are several."""
    workloads = _workloads(check)
    names = []
    for judgement in check.judgements:
        profile = _profile_of(check, judgement)
        number = ""
        if profile is not None and len(workloads) > 1:
            place = next(at for at, found in enumerate(workloads, 1) if profile in found)
            number = f" ({place})"
        names.append(f"{judgement.model}{number}")
    return tuple(names)


def describe_figures(judgement: Judgement) -> str:
    """Return what was measured, what it is of another figure, and the bound.

    >>> describe_figures(Judgement("segfast", "params <= 9", "params", "exact", None, 8, 8, 9))
    '8, at most 9'
    """
    shown = show_figures(judgement)
    of = f" of {judgement.to}" if judgement.to else ""
    figures = [shown.measured] if of or not shown.value else []
    figures += [f"{shown.value}{of}"] if shown.value else []
    return f"{', '.join(figures)}, at most {shown.bound}{of}"


@dataclass(frozen=True)
class Shown:
    """The figures of a judgement as text.

    Attributes:
        value: with its interval; empty where it is ``measured`` again, without an interval.
    """

    measured: str
    value: str
    bound: str


def show_figures(judgement: Judgement) -> Shown:
    """Write a judgement's figures, with as many digits as tell them from the bound."""
    metric = METRICS.get(judgement.metric)
    own = metric.unit if metric else "count"
    held = None if judgement.to else own
    ends = judgement.interval or ()
    figures = () if judgement.value is None else (judgement.value, *ends)
    *texts, bound = write_beside(judgement.bound, figures, unit=held)
    match texts:
        case [value, low, high]:
            value = with_interval(value, low, high)
        case [value]:
            pass
        case _:
            value = "-"
    if judgement.to is None and not ends:
        return Shown(texts[0] if texts else "-", "", bound)
    measured = judgement.measured
    return Shown("-" if measured is None else write_figure(measured, unit=own), value, bound)


def remarks_on_check(check: Check) -> tuple[str, ...]:
    """Return what a reader of the verdict must know, one line each."""
    found = [] if check.complete else [INTERRUPTED]
    found += [line for line in map(describe_doubt, check.judgements) if check.complete and line]
    if any(map(_needs_advice, check.judgements)):
        found.append(ADVICE)
    if check.noise is not None:
        found += [f"noisy: {reason}" for reason in check.noise.reasons]
    for profile in (*check.profiles, *check.baselines):
        # noise and what is missing are said of the whole run above
        quiet = replace(profile, complete=True, noise=replace(profile.noise, reasons=()))
        found += remarks_on(quiet)
    return tuple(dict.fromkeys(found))


def _needs_advice(judgement: Judgement) -> bool:
    """Tell whether more samples could decide, and the reason does not say so already."""
    timed = judgement.verdict == "inconclusive" and judgement.kind != "exact"
    return timed and "--max-time" not in judgement.reason


def describe_doubt(judgement: Judgement) -> str:
    """Return why a limit is inconclusive or not judged; empty where it is neither."""
    if judgement.verdict in {"within", "over"}:
        return ""
    why = f": {judgement.reason}" if judgement.reason else ""
    return f"{judgement.model}: {judgement.limit}: {judgement.verdict or NOT_JUDGED}{why}"


def _judgement_table(check: Check) -> Table:
    shown = [show_figures(judgement) for judgement in check.judgements]
    with_values = any(figures.value for figures in shown)
    rows = tuple(
        (
            name,
            _short_limit(judgement),
            figures.measured,
            *((figures.value,) if with_values else ()),
            figures.bound,
            judgement.verdict or NOT_JUDGED,
        )
        for name, judgement, figures in zip(name_rows(check), check.judgements, shown, strict=True)
    )
    value = ("value",) if with_values else ()
    columns = ("model", "limit", "measured", *value, "at most", "verdict")
    return Table("limits", columns, rows, _caption(check), names=2, tones=TONES)


def _short_limit(judgement: Judgement) -> str:
    """Return the limit with the metric's title, which a narrow column can break between words."""
    metric = METRICS.get(judgement.metric)
    return judgement.limit.replace(metric.name, metric.title, 1) if metric else judgement.limit


def _caption(check: Check) -> str:
    parts = []
    confidences = {row.confidence for row in check.judgements if row.interval} - {None}
    if confidences:
        shown = " or ".join(f"{100 * share:.4g} %" for share in sorted(filter(None, confidences)))
        parts.append(f"in brackets the interval at {shown} confidence")
    if check.looks:
        times = ", ".join(
            f"after {look.rounds} round{'s' * (look.rounds != 1)} ({units.seconds(look.elapsed_s)})"
            for look in check.looks
        )
        parts.append(f"the samples were looked at {times}")
    return "; ".join(parts)


def _workloads(check: Check) -> list[list[Profile]]:
    """Return the profiles of each workload; what their labels tell makes no workload of its own."""
    found: list[list[Profile]] = []
    for profile in check.profiles:
        same = (each for each in found if _are_alike(each[0], profile))
        group = next(same, None)
        if group is None:
            found.append([profile])
        else:
            group.append(profile)
    return found


def _are_alike(one: Profile, other: Profile) -> bool:
    own = [each.candidate.threads if each.candidate else None for each in (one, other)]
    told = ("threads",) if own[0] != own[1] else ()
    return not workload_differences(one.workload, other.workload, may_differ=(*NOT_SAID, *told))


def _profile_of(check: Check, judgement: Judgement) -> Profile | None:
    """Return the profile that a judgement is of."""
    return None if judgement.profile is None else check.profiles[judgement.profile]
