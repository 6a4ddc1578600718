"""Check limits: measure what they need, workload by workload, and put the verdicts together."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace

from segbench.budgets.limit_run import LimitRun
from segbench.budgets.limits import BASELINE
from segbench.budgets.pairs import CandidateSet, ModelLimit
from segbench.budgets.revisions import Trees
from segbench.errors import UsageError
from segbench.measurement.settings import Settings
from segbench.progress import Interrupted, Progress, ignore_progress, timestamp
from segbench.results.baseline import Baseline
from segbench.results.check import Check, Judgement, worst
from segbench.results.profile import Noise, Profile


def check(
    groups: Sequence[tuple[Settings, Sequence[ModelLimit]]],
    *,
    baseline: Baseline | None = None,
    normalised: bool = False,
    trees: Trees | None = None,
    max_time_s: float | None = None,
    budget: str | None = None,
    progress: Progress = ignore_progress,
) -> Check:
    """Judge limits, those of each workload in a run of its own.

    Args:
        groups: the limits by their workload.
        baseline: figures of another run, for multiples of ``baseline``.
        normalised: hold such multiples in units of the reference workload, then and now, so that
            the machine may be another.
        trees: the working tree and another revision, whose networks are ``baseline`` then.
        max_time_s: for all runs together; two minutes for each pair of two networks by default.
            The first three rounds are always measured.
        budget: name of the budget file.

    Raises:
        UsageError: a limit has nothing that it can be judged by, or a network cannot be measured.
        NotComparableError: the baseline is of another machine or workload, or two networks have
            different class counts.
        MeasurementError: a network failed, or its process died.
        Interrupted: Ctrl-C; it carries a check that is not complete, and judges nothing.

    >>> from segbench.budgets.limits import Limit
    >>> from zoo.spec import ModelSpec
    >>> wanted = ModelLimit(ModelSpec("segfast"), Limit.parse("params <= 603_287"))
    >>> check([(Settings.of(size=(64, 64)), [wanted])]).verdict
    'over'
    """
    began_s = time.perf_counter()
    _refuse_what_cannot_be_judged(groups, has_baseline=bool(baseline or trees))
    waiting = [
        LimitRun(
            CandidateSet(settings, trees=trees, normalised=normalised), wanted, baseline, progress
        )
        for settings, wanted in groups
    ]
    done: list[LimitRun] = []

    def result(*, complete: bool) -> Check:
        found = _combine(done, complete=complete, baseline=baseline, trees=trees)
        return replace(found, budget=budget, elapsed_s=time.perf_counter() - began_s)

    with contextlib.ExitStack() as held:
        for each in waiting:
            held.enter_context(each.run)
        try:
            while waiting:
                limit_s = None
                if max_time_s is not None:
                    # What others have not used is shared between those that time something.
                    timed = sum(bench.is_timed for bench in waiting)
                    limit_s = (max_time_s - (time.perf_counter() - began_s)) / max(1, timed)
                done.append(waiting.pop(0))
                done[-1].measure(limit_s=limit_s)
        except KeyboardInterrupt:
            known = any(bench.run.is_inspected for bench in done)
            raise Interrupted(result(complete=False) if known else None) from None
    return result(complete=True)


def _refuse_what_cannot_be_judged(
    groups: Sequence[tuple[Settings, Sequence[ModelLimit]]], *, has_baseline: bool
) -> None:
    limits = [each.limit for _, wanted in groups for each in wanted]
    if not limits:
        raise UsageError("no limit is given, and a check of nothing is no check; give one")
    for limit in limits:
        if limit.to == BASELINE and not has_baseline:
            raise UsageError(
                f"limit {limit.text!r} is a multiple of baseline, and no baseline is given; give "
                "one, or write a multiple of a model"
            )


def _combine(
    benches: Sequence[LimitRun],
    *,
    complete: bool,
    baseline: Baseline | None,
    trees: Trees | None,
) -> Check:
    for bench in benches:
        bench.take_profiles(complete=complete)
    judgements, profiles = _place_judgements(benches, complete=complete)
    before = [profile for bench in benches for profile in bench.profiles_before]
    timed = any(bench.run.recordings for bench in benches)
    return Check(
        verdict=worst(tuple(judgement.verdict for judgement in judgements)) if complete else None,
        judgements=tuple(judgements),
        profiles=tuple(profiles),
        baselines=tuple(before or _stored(baseline, profiles)),
        reference=next((bench.reference for bench in benches if bench.reference), None),
        looks=tuple(look for bench in benches for look in bench.looks.taken),
        noise=_noise_of([*profiles, *before]) if timed else None,
        revision=trees.revision if trees else None,
        complete=complete,
        created=timestamp(),
    )


def _place_judgements(
    benches: Sequence[LimitRun], *, complete: bool
) -> tuple[list[Judgement], list[Profile]]:
    """Return the judgements with the positions of their networks among all profiles, and these."""
    judgements: list[Judgement] = []
    profiles: list[Profile] = []
    for bench in benches:
        now = bench.profiles_now
        for judgement, profile in bench.judgements():
            placed = replace(judgement, profile=len(profiles) + now.index(profile))
            judgements.append(placed if complete else _unjudged(placed))
        profiles += now
    return judgements, profiles


def _unjudged(judgement: Judgement) -> Judgement:
    return replace(judgement, verdict=None, reason="interrupted; what is partial is not judged")


def _stored(baseline: Baseline | None, profiles: Sequence[Profile]) -> list[Profile]:
    """Return what a baseline file knows of the networks."""
    labels = {profile.label for profile in profiles}
    known = baseline.profiles if baseline else ()
    return [profile for profile in known if profile.label in labels]


def _noise_of(profiles: Sequence[Profile]) -> Noise:
    reasons = (f"{profile.label}: {why}" for profile in profiles for why in profile.noise.reasons)
    found = tuple(dict.fromkeys(reasons))
    return Noise(noisy=bool(found), reasons=found)
