"""The limits on one workload, and the run that measures for them until all are decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from segbench.budgets.baseline import Baseline
from segbench.budgets.contests import Held, Lineup, Wanted, plan_for, reference_task
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
from segbench.budgets.verdicts import Judgement, Look
from segbench.errors import NotComparableError, UsageError
from segbench.metrics import phase_of
from segbench.noise import judge_noise
from segbench.results import Latencies, Latency, Noise, Phase, Profile
from segbench.rounds import Contest, Progress
from segbench.runs import Run, ignore_progress

CONTEST_S = 120.0  # for each contest, where no time is given


@dataclass
class Bench:
    """The limits on one workload.

    Attributes:
        lineup: empty; it is filled with the networks that the limits need.
        held: the arms of each limit.
        decided: judgements by the position of their limit; each is made once.
        profiles: of all networks, as far as they are known.
    """

    lineup: Lineup
    wanted: Sequence[Wanted]
    baseline: Baseline | None = None
    progress: Progress = ignore_progress
    held: list[Held] = field(init=False)
    run: Run = field(init=False)
    looks: Looks = field(default_factory=lambda: Looks(0.0))
    decided: dict[int, Judgement] = field(default_factory=dict)
    profiles: list[Profile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.held = self.lineup.hold_all(self.wanted)
        settings = self.lineup.settings
        self.run = Run(
            self.lineup.tasks,
            settings.describe_input(),
            self.progress,
            settings.strict,
            training=self._weighs("memory.train_peak_bytes"),
        )

    @property
    def is_timed(self) -> bool:
        """Whether a limit is on a time."""
        return bool(self._contests())

    def measure(self, *, limit_s: float | None) -> None:
        """Count, weigh what must be weighed, time what must be timed, and decide.

        Args:
            limit_s: seconds for all of it; two minutes for each contest if None.

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
        contests = self._contests()
        if contests:
            all_s = CONTEST_S * len(contests) if limit_s is None else limit_s
            self._time(contests, limit_s=all_s - (run.elapsed_s - began_s))

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
        if not self.lineup.needs_reference or not self.run.recordings:
            return None
        return self.run.recordings[-1].latencies()

    def judgements(self) -> list[tuple[Judgement, Profile]]:
        """Return what was decided, and of which network; what was not has no verdict."""
        return [
            (self.decided.get(position) or self._undecided(position), self.profiles[held.arm])
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

    def _weighs(self, metric: str) -> bool:
        return any(wanted.limit.metric.name == metric for wanted in self.wanted)

    def _weighed(self) -> list[int]:
        """Return the tasks whose peak memory a limit is about."""
        arms = {
            arm
            for held, wanted in zip(self.held, self.wanted, strict=True)
            if wanted.limit.metric.name.startswith("memory.")
            for arm in held.contest
        }
        return sorted(arms)

    def _check_classes(self) -> None:
        """Refuse to hold a network against one that does not do the same work."""
        trees = self.lineup.trees
        for held in self.held:
            if held.other is None or held.other >= len(self.profiles):
                continue  # it stands by itself, or against the reference workload
            own, other = self.profiles[held.arm], self.profiles[held.other]
            found = own.workload.classes, other.workload.classes
            if found[0] != found[1]:
                name = other.model.label
                if trees is not None and self.lineup.is_before[held.other]:
                    name = f"revision {trees.revision.name!r}"
                raise NotComparableError(
                    f"cannot compare {own.model.label} with {name}: classes differ "
                    f"({found[0]} and {found[1]}); give both the same classes"
                )

    def _check_stored(self) -> None:
        """Refuse a baseline that cannot be held against, before anything is timed."""
        for held, wanted in zip(self.held, self.wanted, strict=True):
            if wanted.limit.to != BASELINE or self.lineup.trees is not None:
                continue
            stored, phase = self._stored(held), wanted.limit.metric.phase
            if phase is not None and phase_of(stored.latency, phase) is None:
                raise UsageError(
                    f"the baseline has no {phase} of {stored.model.label}; "
                    "save it again with: segbench baseline update"
                )

    def _decide_exact(self) -> None:
        for position, wanted in enumerate(self.wanted):
            if wanted.limit.metric.phase is None:
                held = self.held[position]
                other = self._exact_other(wanted.limit, held)
                self.decided[position] = judge_exact(self._undecided(position), other)

    def _time(self, contests: list[Contest], *, limit_s: float) -> None:
        run, settings = self.run, self.lineup.settings
        began_s = run.elapsed_s
        self.looks = Looks(limit_s)

        def show(doing: str, done: int, total: int) -> None:
            part = max(done / total, (run.elapsed_s - began_s) / max(limit_s, 1.0))
            self.progress(doing, round(100 * min(1.0, part)), 100)

        run.progress = show  # the time is limited, and not the rounds
        run.time(
            contests,
            most=MOST_ROUNDS,
            seed=settings.seed,
            plan=plan_for([wanted.limit for wanted in self.wanted]),
            more_arms=[reference_task(settings)] if self.lineup.needs_reference else [],
            enough=lambda rounds: self._look(rounds, run.elapsed_s - began_s, contests),
        )

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
            judgement = self._judge_timed(position, look)
            if last or judgement.verdict != "inconclusive":
                self.decided[position] = judgement
        still_open = {
            held.contest for position, held in enumerate(self.held) if position not in self.decided
        }
        contests[:] = [contest for contest in contests if contest in still_open]
        return not contests

    def _judge_timed(self, position: int, look: Look) -> Judgement:
        limit, held = self.wanted[position].limit, self.held[position]
        phase = cast("Phase", limit.metric.phase)
        confidence = 1 - look.error
        estimate = self._estimate(phase, held, confidence)
        is_stored = limit.to == BASELINE and self.lineup.trees is None
        if estimate is not None and is_stored:
            then = self._estimate_stored(phase, held, confidence)
            estimate = None if then is None else quotient(estimate, then)
        alone = held.other is None
        return judge_timed(
            replace(self._undecided(position), confidence=confidence, looks=len(self.looks.taken)),
            estimate,
            look,
            noise=self._noise(held) if alone else None,
            noise_then=self._stored(held).noise if alone and is_stored else None,
        )

    def _undecided(self, position: int) -> Judgement:
        wanted, held = self.wanted[position], self.held[position]
        limit, profile = wanted.limit, self.profiles[held.arm]
        figure = limit.metric.read(profile)
        measured = None if figure is None else float(figure)  # as JSON gives it back
        return Judgement(
            model=profile.model.label,
            limit=limit.text,
            metric=limit.metric.name,
            kind=limit.kind,
            to=self._name_of_other(limit, held),
            measured=measured,
            value=measured if limit.to is None else None,
            bound=limit.bound,
            place=wanted.place,
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
            return limit.metric.read(self._stored(held))
        return limit.metric.read(self.profiles[cast("int", held.other)])

    def _estimate(self, phase: Phase, held: Held, confidence: float) -> Estimate | None:
        """Return a time, or its ratio to that of the other arm."""
        own = self._latency(held.arm, phase)
        if held.other is None:
            return estimate_median(own, confidence=confidence)
        other = self._latency(held.other, phase)
        return estimate_ratio(own, other, confidence=confidence)

    def _estimate_stored(self, phase: Phase, held: Held, confidence: float) -> Estimate | None:
        """Return the same of the baseline."""
        stored = phase_of(self._stored(held).latency, phase)
        if held.other is None:
            return estimate_median(stored, confidence=confidence)
        reference = phase_of(cast("Baseline", self.baseline).reference, phase)
        return estimate_ratio(stored, reference, confidence=confidence)

    def _latency(self, arm: int, phase: Phase) -> Latency | None:
        recording = self.run.recordings[arm]
        return recording.phases[phase].latency()

    def _stored(self, held: Held) -> Profile:
        baseline = cast("Baseline", self.baseline)
        return baseline.find(self.profiles[held.arm], normalised=self.lineup.normalised)

    def _noise(self, held: Held) -> Noise:
        """Return what disturbed a time that stands by itself; in a contest both had it."""
        task = self.run.tasks[held.arm]
        return judge_noise(self.run.recordings[held.arm], task, in_turns=False)
