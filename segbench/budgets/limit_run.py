"""The limits on one workload, and the run that measures for them until all are decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from segbench.budgets.judging import (
    MOST_ROUNDS,
    Estimate,
    Looks,
    estimate_median,
    estimate_ratio,
    judge_exact,
    judge_timed,
    quotient,
)
from segbench.budgets.limits import BASELINE, REFERENCE, Limit
from segbench.budgets.pairs import CandidateSet, JudgedPair, ModelLimit, plan_for, reference_task
from segbench.errors import NotComparableError, UsageError
from segbench.measurement.noise import judge_noise
from segbench.measurement.run import Run
from segbench.measurement.schedule import Pair
from segbench.progress import Progress, ignore_progress
from segbench.results.baseline import Baseline
from segbench.results.check import Judgement, Look
from segbench.results.metrics import is_lower_bound, phase_of
from segbench.results.profile import Latencies, Latency, Noise, Phase, Profile

# Metrics that need no training step; all others do.
UNTRAINED = (
    "params",
    "weights_bytes",
    "latency.forward.p50_s",
    "memory.forward_peak_bytes",
    "preparation.peak_bytes",
)
PAIR_S = 120.0  # for each pair, where no time is given


@dataclass
class LimitRun:
    """The limits on one workload.

    Attributes:
        candidate_set: empty; it is filled with the networks that the limits need.
        judged_pairs: the candidates of each limit.
        decided: judgements by the position of their limit; each is made once.
        profiles: of all networks, as far as they are known.
    """

    candidate_set: CandidateSet
    wanted: Sequence[ModelLimit]
    baseline: Baseline | None = None
    progress: Progress = ignore_progress
    judged_pairs: list[JudgedPair] = field(init=False)
    run: Run = field(init=False)
    looks: Looks = field(default_factory=lambda: Looks(0.0))
    decided: dict[int, Judgement] = field(default_factory=dict)
    profiles: list[Profile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.judged_pairs = self.candidate_set.pair_all(self.wanted)
        settings = self.candidate_set.settings
        self.run = Run(
            self.candidate_set.tasks,
            settings.describe_input(),
            self.progress,
            settings.strict,
            training=self._weighs("memory.train_peak_bytes"),
        )

    @property
    def is_timed(self) -> bool:
        """Whether a limit is on a time."""
        return bool(self._pairs())

    def measure(self, *, limit_s: float | None) -> None:
        """Count, weigh what must be weighed, time what must be timed, and decide.

        Args:
            limit_s: seconds for all of it; two minutes for each pair if None.

        Raises:
            UsageError: a network cannot be measured, or the baseline knows too little of one.
            NotComparableError: two have different class counts, or the baseline is of another
                machine or workload.
            MeasurementError: a network failed, or its process died.
        """
        run = self.run
        began_s = run.elapsed_s  # another workload may have had its turn before
        run.inspect(peaks=self._weighed())
        self.take_profiles(complete=True)
        self._check_classes()
        self._check_stored()
        self._decide_exact()
        pairs = self._pairs()
        if pairs:
            all_s = PAIR_S * len(pairs) if limit_s is None else limit_s
            self._time(pairs, limit_s=all_s - (run.elapsed_s - began_s))

    def take_profiles(self, *, complete: bool) -> None:
        """Make the profiles anew from what is known by now."""
        self.profiles = self.run.profiles(complete=complete) if self.run.is_inspected else []

    @property
    def profiles_now(self) -> list[Profile]:
        """Those of the working tree, or of what is installed."""
        pairs = zip(self.profiles, self.candidate_set.is_before, strict=False)
        return [profile for profile, before in pairs if not before]

    @property
    def profiles_before(self) -> list[Profile]:
        """Those of the other revision."""
        pairs = zip(self.profiles, self.candidate_set.is_before, strict=False)
        return [profile for profile, before in pairs if before]

    @property
    def reference(self) -> Latencies | None:
        """The reference workload's latencies, as far as they are known."""
        if not self.candidate_set.needs_reference or not self.run.recordings:
            return None
        return self.run.recordings[-1].latencies()

    def judgements(self) -> list[tuple[Judgement, Profile]]:
        """Return what was decided, and of which network; what was not has no verdict."""
        return [
            (
                self.decided.get(position) or self._undecided(position),
                self.profiles[judged.candidate],
            )
            for position, judged in enumerate(self.judged_pairs)
            if self.profiles
        ]

    def _pairs(self) -> list[Pair]:
        timed = (
            judged.pair
            for judged, wanted in zip(self.judged_pairs, self.wanted, strict=True)
            if wanted.limit.metric.phase is not None
        )
        return list(dict.fromkeys(timed))

    def _weighs(self, metric: str) -> bool:
        return any(wanted.limit.metric.name == metric for wanted in self.wanted)

    def _weighed(self) -> list[int]:
        """Return the tasks whose peak memory a limit is about."""
        candidates = {
            candidate
            for judged, wanted in zip(self.judged_pairs, self.wanted, strict=True)
            if wanted.limit.metric.name.startswith(("memory.", "preparation."))
            for candidate in judged.pair
        }
        return sorted(candidates)

    def _check_classes(self) -> None:
        """Refuse to hold a network against one that does not do the same work."""
        trees = self.candidate_set.trees
        for judged in self.judged_pairs:
            if judged.other is None or judged.other >= len(self.profiles):
                continue  # it stands by itself, or against the reference workload
            own, other = self.profiles[judged.candidate], self.profiles[judged.other]
            found = own.workload.classes, other.workload.classes
            if found[0] != found[1]:
                name = other.label
                if trees is not None and self.candidate_set.is_before[judged.other]:
                    name = f"revision {trees.revision.name!r}"
                raise NotComparableError(
                    f"cannot compare {own.label} with {name}: classes differ "
                    f"({found[0]} and {found[1]}); give both the same classes"
                )

    def _check_stored(self) -> None:
        """Refuse a baseline that cannot be held against, before anything is timed."""
        for judged, wanted in zip(self.judged_pairs, self.wanted, strict=True):
            if wanted.limit.to != BASELINE or self.candidate_set.trees is not None:
                continue
            stored, phase = self._stored(judged), wanted.limit.metric.phase
            if phase is not None and phase_of(stored.latency, phase) is None:
                raise UsageError(
                    f"the baseline has no {phase} of {stored.label}; "
                    "save it again with: segbench baseline update"
                )

    def _decide_exact(self) -> None:
        for position, wanted in enumerate(self.wanted):
            if wanted.limit.metric.phase is None:
                judged = self.judged_pairs[position]
                name, profile = wanted.limit.metric.name, self.profiles[judged.candidate]
                against = self._exact_against(wanted.limit, judged)
                self.decided[position] = judge_exact(
                    self._undecided(position),
                    1 if against is None else wanted.limit.metric.read(against),
                    uncounted=is_lower_bound(name, profile),
                    uncounted_other=against is not None and is_lower_bound(name, against),
                    withheld=_why_withheld(name, profile),
                )

    def _time(self, pairs: list[Pair], *, limit_s: float) -> None:
        run, settings = self.run, self.candidate_set.settings
        began_s = run.elapsed_s
        self.looks = Looks(limit_s)

        def show(doing: str, done: int, total: int) -> None:
            part = max(done / total, (run.elapsed_s - began_s) / max(limit_s, 1.0))
            self.progress(doing, round(100 * min(1.0, part)), 100)

        run.progress = show  # the time is limited, and not the rounds
        run.time(
            pairs,
            most=MOST_ROUNDS,
            seed=settings.workload.seed,
            plan=plan_for([wanted.limit for wanted in self.wanted]),
            more_candidates=[reference_task(settings)]
            if self.candidate_set.needs_reference
            else [],
            enough=lambda rounds: self._look(rounds, run.elapsed_s - began_s, pairs),
        )

    def _look(self, rounds: int, elapsed_s: float, pairs: list[Pair]) -> bool:
        """Look at the samples if it is time to, and tell whether all is decided or time is up."""
        last = self.looks.is_last(rounds, elapsed_s)
        look = self.looks.due(rounds, elapsed_s)
        if look is None:
            return False
        self.take_profiles(complete=True)
        for position in range(len(self.wanted)):
            if position in self.decided:
                continue
            judgement = self._judge_timed(position, look)
            if last or judgement.verdict != "inconclusive":
                self.decided[position] = judgement
        still_open = {
            judged.pair
            for position, judged in enumerate(self.judged_pairs)
            if position not in self.decided
        }
        pairs[:] = [pair for pair in pairs if pair in still_open]
        return not pairs

    def _judge_timed(self, position: int, look: Look) -> Judgement:
        limit, judged = self.wanted[position].limit, self.judged_pairs[position]
        phase = cast("Phase", limit.metric.phase)
        confidence = 1 - look.error
        estimate = self._estimate(phase, judged, confidence)
        is_stored = limit.to == BASELINE and self.candidate_set.trees is None
        if estimate is not None and is_stored:
            then = self._estimate_stored(phase, judged, confidence)
            estimate = None if then is None else quotient(estimate, then)
        alone = judged.other is None
        return judge_timed(
            replace(self._undecided(position), confidence=confidence, looks=len(self.looks.taken)),
            estimate,
            look,
            noise=self._noise(judged) if alone else None,
            noise_then=self._stored(judged).noise if alone and is_stored else None,
            withheld=self._why_untimed(limit, judged),
        )

    def _why_untimed(self, limit: Limit, judged: JudgedPair) -> str | None:
        """Return why a candidate of a limit has no such time; None where each may have one."""
        candidates = (candidate for candidate in judged.pair if candidate < len(self.profiles))
        found = (
            _why_withheld(limit.metric.name, self.profiles[candidate]) for candidate in candidates
        )
        return next((reason for reason in found if reason is not None), None)

    def _undecided(self, position: int) -> Judgement:
        wanted, judged = self.wanted[position], self.judged_pairs[position]
        limit, profile = wanted.limit, self.profiles[judged.candidate]
        figure = limit.metric.read(profile)
        measured = None if figure is None else float(figure)  # as JSON gives it back
        return Judgement(
            model=profile.label,
            limit=limit.text,
            metric=limit.metric.name,
            kind=limit.kind,
            to=self._name_of_other(limit, judged),
            measured=measured,
            value=measured if limit.to is None else None,
            bound=limit.bound,
            place=wanted.place,
        )

    def _name_of_other(self, limit: Limit, judged: JudgedPair) -> str | None:
        if limit.to in {None, BASELINE, REFERENCE} or judged.other is None:
            return limit.to
        return self.profiles[judged.other].label

    def _exact_against(self, limit: Limit, judged: JudgedPair) -> Profile | None:
        """Return what an exact figure is held against; None where it stands by itself."""
        if limit.to is None:
            return None
        if limit.to == BASELINE and self.candidate_set.trees is None:
            return self._stored(judged)
        return self.profiles[cast("int", judged.other)]

    def _estimate(self, phase: Phase, judged: JudgedPair, confidence: float) -> Estimate | None:
        """Return a time, or its ratio to that of the other candidate."""
        own = self._latency(judged.candidate, phase)
        if judged.other is None:
            return estimate_median(own, confidence=confidence)
        other = self._latency(judged.other, phase)
        return estimate_ratio(own, other, confidence=confidence)

    def _estimate_stored(
        self, phase: Phase, judged: JudgedPair, confidence: float
    ) -> Estimate | None:
        """Return the same of the baseline."""
        stored = phase_of(self._stored(judged).latency, phase)
        if judged.other is None:
            return estimate_median(stored, confidence=confidence)
        reference = phase_of(cast("Baseline", self.baseline).reference, phase)
        return estimate_ratio(stored, reference, confidence=confidence)

    def _latency(self, candidate: int, phase: Phase) -> Latency | None:
        recording = self.run.recordings[candidate]
        return recording.phases[phase].latency()

    def _stored(self, judged: JudgedPair) -> Profile:
        baseline = cast("Baseline", self.baseline)
        return baseline.find(
            self.profiles[judged.candidate], normalised=self.candidate_set.normalised
        )

    def _noise(self, judged: JudgedPair) -> Noise:
        """Return what disturbed a time that stands by itself; in a pair both had it."""
        task = self.run.tasks[judged.candidate]
        return judge_noise(self.run.recordings[judged.candidate], task, in_turns=False)


def _why_withheld(metric: str, profile: Profile) -> str | None:
    """Return why a figure of a profile could not be had, or is of no use."""
    if profile.parity is not None and not profile.parity.is_right:
        return f"what its runtime hands out is wrong: {profile.parity.describe()}"
    figures: tuple[str, ...]
    if metric == "saved_activations_bytes":
        figures = ("saved_activations_bytes", "training")
    elif metric.endswith(".forward"):
        figures = ("counts",)
    elif metric in UNTRAINED:
        figures = ()
    else:
        figures = ("training",)
    return next((profile.withheld[each] for each in figures if each in profile.withheld), None)
