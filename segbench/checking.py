"""Check limits: measure what they need, look at most three times, and give a verdict on each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from segbench.baseline import Baseline
from segbench.contests import Held, Lineup, Wanted, plan_for, reference_task
from segbench.errors import UsageError
from segbench.judging import Estimate, Looks, estimate_median, estimate_ratio, quotient, verdict_on
from segbench.limits import BASELINE, REFERENCE, Limit
from segbench.metrics import phase_of
from segbench.results import Latencies, Latency, Noise, Phase, Profile
from segbench.revisions import Trees
from segbench.rounds import Contest, Progress
from segbench.runs import Run, ignore_progress
from segbench.settings import Settings
from segbench.verdicts import Check, Judgement, Look, Verdict, worst

CONTEST_S = 120.0  # for each contest, where no time is given
MOST_ROUNDS = 200


def check(
    groups: Sequence[tuple[Settings, Sequence[Wanted]]],
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
        max_time_s: for all runs together; two minutes for each contest of two networks by default.
            The first three rounds are always measured.
        budget: name of the budget file.

    Raises:
        UsageError: a limit has nothing that it can be judged by, or a network cannot be measured.
        NotComparableError: the baseline is of another machine or workload.
        MeasurementError: a network failed, or its process died.
        Interrupted: Ctrl-C; it carries a check that is not complete, and judges nothing.
    """
    began = time.perf_counter()
    benches = [
        _Bench(
            Lineup(settings, trees=trees, normalised=normalised),
            list(wanted),
            baseline=baseline,
            limit_s=None if max_time_s is None else max_time_s / len(groups),
            progress=progress,
        )
        for settings, wanted in groups
    ]
    done: list[_Bench] = []

    def result(*, complete: bool) -> Check:
        return _combine(
            done,
            complete=complete,
            baseline=baseline,
            trees=trees,
            budget=budget,
            elapsed_s=time.perf_counter() - began,
        )

    for bench in benches:
        done.append(bench)
        with bench.run.interruptible(lambda: result(complete=False)):
            bench.measure()
    return result(complete=True)


def _combine(
    benches: Sequence[_Bench],
    *,
    complete: bool,
    baseline: Baseline | None,
    trees: Trees | None,
    budget: str | None,
    elapsed_s: float,
) -> Check:
    for bench in benches:
        bench.take_profiles(complete=complete)
    judgements: list[Judgement] = []
    profiles: list[Profile] = []
    for bench in benches:
        for judgement, profile in bench.judgements():
            position = len(profiles) + bench.profiles_now.index(profile)
            placed = replace(judgement, profile=position)
            judgements.append(placed if complete else _unjudged(placed))
        profiles += bench.profiles_now
    before = [profile for bench in benches for profile in bench.profiles_before]
    if baseline is not None and not before:
        labels = {profile.model.label for profile in profiles}
        before = [profile for profile in baseline.profiles if profile.model.label in labels]
    reasons = [
        f"{profile.model.label}: {why}"
        for profile in (*profiles, *before[: len(before) if trees else 0])
        for why in profile.noise.reasons
    ]
    timed = any(bench.looks.taken or bench.run.recordings for bench in benches)
    return Check(
        verdict=worst(tuple(judgement.verdict for judgement in judgements)) if complete else None,
        judgements=tuple(judgements),
        profiles=tuple(profiles),
        baselines=tuple(before),
        reference=next((bench.reference for bench in benches if bench.reference), None),
        looks=tuple(look for bench in benches for look in bench.looks.taken),
        noise=Noise(noisy=bool(reasons), reasons=tuple(dict.fromkeys(reasons))) if timed else None,
        budget=budget,
        revision=trees.revision if trees else None,
        elapsed_s=elapsed_s,
        complete=complete,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def _unjudged(judgement: Judgement) -> Judgement:
    return replace(judgement, verdict=None, reason="interrupted; what is partial is not judged")


@dataclass
class _Bench:
    """The limits on one workload, and the run that measures for them."""

    lineup: Lineup
    wanted: list[Wanted]
    baseline: Baseline | None
    limit_s: float | None
    progress: Progress
    held: list[Held] = field(init=False)
    run: Run = field(init=False)
    looks: Looks = field(init=False)
    decided: dict[int, Judgement] = field(default_factory=dict)
    profiles: list[Profile] = field(default_factory=list)

    def __post_init__(self) -> None:
        held = [self.lineup.hold(wanted) for wanted in self.wanted]
        last = len(self.lineup.tasks)  # where the reference stands, if there is one
        self.held = [replace(each, other=last) if each.other == -1 else each for each in held]
        settings = self.lineup.settings
        self.run = Run(self.lineup.tasks, settings.describe_input(), self.progress, settings.strict)
        contests = self._contests()
        self.looks = Looks(CONTEST_S * len(contests) if self.limit_s is None else self.limit_s)

    def measure(self) -> None:
        """Count, weigh what must be weighed, time what must be timed, and decide."""
        run = self.run
        run.inspect(peaks=self._weighed())
        if len(run.tasks) > 1:
            run.check_classes()
        self.take_profiles(complete=True)
        for held, wanted in zip(self.held, self.wanted, strict=True):
            if wanted.limit.to == BASELINE and self.lineup.trees is None:
                self._stored(held)  # before anything is timed, for it may not be comparable
        self._decide_exact()
        contests = self._contests()
        if not contests:
            return
        self.looks.limit_s -= run.elapsed_s
        began = run.elapsed_s
        more = [reference_task(self.lineup.settings)] if self.lineup.needs_reference else []
        timed = [wanted.limit for wanted in self.wanted if wanted.limit.metric.phase]
        run.time(
            contests,
            most=MOST_ROUNDS,
            seed=self.lineup.settings.seed,
            plan=plan_for(timed, contest_s=self.looks.limit_s / len(contests)),
            more_arms=more,
            enough=lambda rounds: self._look(rounds, run.elapsed_s - began, contests),
        )

    def take_profiles(self, *, complete: bool) -> None:
        """Make the profiles anew from what is known by now."""
        self.profiles = self.run.profiles(complete=complete) if self.run.is_inspected else []

    @property
    def profiles_now(self) -> list[Profile]:
        """Those of the working tree, or of what is installed."""
        pairs = zip(self.profiles, self.lineup.is_before, strict=False)
        return [profile for profile, before in pairs if not before]

    @property
    def profiles_before(self) -> list[Profile]:
        """Those of the other revision."""
        pairs = zip(self.profiles, self.lineup.is_before, strict=False)
        return [profile for profile, before in pairs if before]

    @property
    def reference(self) -> Latencies | None:
        """The reference workload's latencies, as far as they are known."""
        if not self.lineup.needs_reference or len(self.run.recordings) <= len(self.run.tasks):
            return None
        return self.run.recordings[-1].latencies(seed=self.lineup.settings.seed)

    def judgements(self) -> list[tuple[Judgement, Profile]]:
        """Return what was decided, and of which network; what was not has no verdict."""
        return [
            (self.decided.get(position) or self._judge(position, None), self.profiles[held.arm])
            for position, held in enumerate(self.held)
            if self.profiles
        ]

    def _contests(self) -> list[Contest]:
        timed = (
            held.contest
            for held, wanted in zip(self.held, self.wanted, strict=True)
            if wanted.limit.metric.phase is not None
        )
        return list(dict.fromkeys(timed))

    def _weighed(self) -> list[int]:
        """Return the tasks whose peak memory a limit is about."""
        arms = {
            arm
            for held, wanted in zip(self.held, self.wanted, strict=True)
            if wanted.limit.metric.name.startswith("memory.")
            for arm in held.contest
        }
        return sorted(arms)

    def _decide_exact(self) -> None:
        for position, wanted in enumerate(self.wanted):
            if wanted.limit.metric.phase is None:
                self.decided[position] = self._judge(position, None)

    def _look(self, rounds: int, elapsed_s: float, contests: list[Contest]) -> bool:
        """Look at the samples if it is time to, and tell whether all is decided or time is up."""
        last = self.looks.is_last(rounds, elapsed_s)
        look = self.looks.due(rounds, elapsed_s)
        if look is None:
            return False
        self.take_profiles(complete=True)
        for position in range(len(self.wanted)):
            if position in self.decided:
                continue
            judgement = self._judge(position, look)
            if last or judgement.verdict != "inconclusive":
                self.decided[position] = judgement
        open_contests = {
            self.held[position].contest
            for position in range(len(self.wanted))
            if position not in self.decided
        }
        contests[:] = [contest for contest in contests if contest in open_contests]
        return not contests

    def _judge(self, position: int, look: Look | None) -> Judgement:
        """Judge one limit by what is known now; a time without a look gets no verdict."""
        wanted, held = self.wanted[position], self.held[position]
        limit, profile = wanted.limit, self.profiles[held.arm]
        judgement = Judgement(
            model=profile.model.label,
            limit=limit.text,
            metric=limit.metric.name,
            kind=limit.kind,
            to=self._name_of_other(limit, held),
            measured=_read(limit, profile),
            value=None,
            bound=limit.bound,
            place=wanted.place,
        )
        if limit.metric.phase is None:
            return _judge_exact(judgement, self._exact_other(limit, held))
        confidence = 1 - (look.error if look else 0.05)
        estimate = self._estimate(limit, held, confidence)
        if estimate is None or look is None:
            reason = "not timed to the end" if look is None else "there are no samples"
            return replace(
                judgement, value=None if estimate is None else estimate.value, reason=reason
            )
        return _judge_timed(
            replace(judgement, confidence=confidence, looks=len(self.looks.taken)),
            estimate,
            look,
            noise=self._noise_that_matters(limit, held),
        )

    def _name_of_other(self, limit: Limit, held: Held) -> str | None:
        if limit.to in {None, BASELINE, REFERENCE} or held.other is None:
            return limit.to
        return self.profiles[held.other].model.label

    def _exact_other(self, limit: Limit, held: Held) -> float | None:
        """Return what an exact figure is held against: 1 where it stands by itself."""
        if limit.to is None:
            return 1
        if limit.to == BASELINE and self.lineup.trees is None:
            return _read(limit, self._stored(held))
        return _read(limit, self.profiles[cast("int", held.other)])

    def _estimate(self, limit: Limit, held: Held, confidence: float) -> Estimate | None:
        phase = cast("Phase", limit.metric.phase)
        seed = self.lineup.settings.seed
        own = self._latency(held.arm, phase)
        if held.other is None:
            now = estimate_median(own, confidence=confidence, seed=seed)
        else:
            other = self._latency(held.other, phase)
            now = estimate_ratio(own, other, confidence=confidence, seed=seed)
        if now is None or limit.to != BASELINE or self.lineup.trees is not None:
            return now
        stored = phase_of(self._stored(held).latency, phase)
        if self.lineup.normalised:
            reference = phase_of(cast("Baseline", self.baseline).reference, phase)
            then = estimate_ratio(stored, reference, confidence=confidence, seed=seed)
        else:
            then = estimate_median(stored, confidence=confidence, seed=seed)
        if then is None:
            raise UsageError(
                f"the baseline has no {phase} of {self.profiles[held.arm].model.label}; "
                "save it again with: segbench baseline update"
            )
        return quotient(now, then)

    def _latency(self, arm: int, phase: Phase) -> Latency | None:
        recording = self.run.recordings[arm]
        return recording.phases[phase].latency(seed=self.lineup.settings.seed)

    def _stored(self, held: Held) -> Profile:
        baseline = cast("Baseline", self.baseline)
        return baseline.find(self.profiles[held.arm], normalised=self.lineup.normalised)

    def _noise_that_matters(self, limit: Limit, held: Held) -> Noise | None:
        """Return the noise for a time that stands by itself; in a contest both had it."""
        alone = held.other is None
        return self.profiles[held.arm].noise if alone and limit.metric.phase else None


def _read(limit: Limit, profile: Profile) -> float | None:
    figure = limit.metric.read(profile)
    return None if figure is None else float(figure)  # as JSON gives it back


def _judge_exact(judgement: Judgement, other: float | None) -> Judgement:
    own = judgement.measured
    if own is None or other is None:
        return replace(
            judgement,
            verdict="inconclusive",
            reason=f"{judgement.metric} is not known here; run on Linux, or leave the limit out",
        )
    # A product, for a quotient of whole numbers may be rounded to beyond its bound.
    verdict: Verdict = "within" if own <= judgement.bound * other else "over"
    return replace(judgement, value=own / other if other else None, verdict=verdict)


def _judge_timed(
    judgement: Judgement, estimate: Estimate, look: Look, *, noise: Noise | None
) -> Judgement:
    verdict = verdict_on(estimate.interval, judgement.bound)
    reason = ""
    if verdict == "inconclusive":
        reason = (
            f"the interval holds the bound after {look.rounds} rounds; "
            "give more time with --max-time, or a quieter machine"
        )
    elif verdict == "over" and noise is not None and noise.noisy:
        # Whatever disturbs a machine makes it slower, so that it can excuse but never convict.
        verdict = "inconclusive"
        reason = f"it is over, but the machine was disturbed: {noise.reasons[0]}"
    return replace(
        judgement,
        value=estimate.value,
        interval=estimate.interval,
        verdict=verdict,
        reason=reason,
    )
