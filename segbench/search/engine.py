"""Search engine: propose, measure and train networks in rungs.

    propose        a network that was not tried, and that is not surely too slow
    measure        beside the reference model; over the budget: refused before any training
    train          a ninth of the epochs, then wait
    train on       to a third of the epochs, and to all: the most promising of those that wait
    stop           what still waits when all were tried and none is promising

The store keeps each figure at once. All decisions follow from the store, and all randomness from
the seed of the search and the number of the trial. So a search that was killed can be resumed with
the same outcome.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from segbench.errors import MeasurementError, UsageError
from segbench.results.pareto import Point
from segbench.search.proposals import Proposal, Sampler
from segbench.search.rungs import next_to_train, rungs_of
from segbench.search.space import Study, Values, mutate
from segbench.search.trial import LatencyRatio, TrialRecord
from segbench.search.trial_store import TrialStore

MAX_ATTEMPTS = 50  # at a proposal that was not tried before
SCREENING_SLACK = 1.15  # times the budget; the prediction is not trusted more narrowly than that
REFERENCE_RATIO = 3.0  # latency of the hypervolume's reference point, in the reference model's
SEED_STRIDE = 100_003
MEASURING = "measuring"  # stage of a trial


def reference_point(reference_s: float) -> Point:
    """Return the reference point of the hypervolume, from the latency of the reference model."""
    return REFERENCE_RATIO * reference_s, 0.0


class Evaluator(Protocol):
    """Source of latencies and mIoUs: real runs, or a table of them."""

    def time(self, values: Values) -> LatencyRatio:
        """Measure the network of a choice beside the reference model."""
        ...

    def train(self, number: int, values: Values, *, until: int) -> float:
        """Train the network of a trial on to so many epochs; return the best mIoU by then."""
        ...


@dataclass(frozen=True)
class Effort:
    """Size of a search.

    Attributes:
        trials: total to finish, counting those before a resume.
        epochs: at the last rung.
        budget_s: slower networks are not trained, except the reference model; None for no limit.
        seed: of the whole search.
        stops: whether networks may be stopped at a rung.
    """

    trials: int
    epochs: int
    budget_s: float | None = None
    seed: int = 0
    stops: bool = True


@dataclass
class Search:
    """A resumable search.

    Attributes:
        reference_s: latency of the reference model when the search began. A trial's latency is its
            ratio times this, for the machine may be faster at another time.
        reference_latency: that measurement, so that trial 0 is not measured again.
        predict_latency: predicts seconds, to skip what is surely too slow before it is measured;
            None without a predictor.
        on_stage: called with a trial's number and what is done with it.
    """

    study: Study
    effort: Effort
    store: TrialStore
    evaluator: Evaluator
    sampler: Sampler
    reference_s: float
    reference_latency: LatencyRatio | None = None
    predict_latency: Callable[[Values], float] | None = None
    on_stage: Callable[[int, str], None] = lambda _number, _doing: None

    def run(self) -> Iterator[TrialRecord]:
        """Yield a trial whenever it reaches a rung or its end, until enough trials are over.

        Trials that are stopped at the very end are not yielded again.

        Raises:
            UsageError: the study, the data or the storage is at fault, and not a network.
            WriteError: the disk or the storage cannot be written.
        """
        while (trial := self._next()) is not None:
            self._advance(trial)
            yield self.store.trials()[trial.number]
        for trial in self.store.unfinished():
            self.store.finish(trial, "stopped", f"behind the front after {trial.epochs} epochs")

    def _next(self) -> TrialRecord | None:
        """Return the trial to go on with; None if all is done."""
        unfinished = self.store.unfinished()
        for trial in unfinished:
            if not trial.rungs or self._is_never_stopped(trial):
                return trial
        trials = self.store.trials()
        last = len(trials) >= self.effort.trials
        chosen = next_to_train(self.study, trials, self.reference_point, last=last)
        if chosen is not None:
            return next(trial for trial in unfinished if trial.number == chosen)
        return None if last else self.store.add(self._propose(trials))

    def _is_never_stopped(self, trial: TrialRecord) -> bool:
        """Tell whether a trial goes to the last rung, whatever others reach."""
        return _is_reference(trial) or not self.effort.stops or self.effort.epochs in trial.rungs

    @property
    def reference_point(self) -> Point:
        """Reference point of the hypervolume."""
        return reference_point(self.reference_s)

    def _propose(self, trials: list[TrialRecord]) -> Proposal:
        number = len(trials)
        if number < len(self.study.first):
            return Proposal(self.study.first[number])
        tried = {each.model for each in trials}
        rng = random.Random(self._seed(number, MAX_ATTEMPTS))  # noqa: S311 - no secret
        proposal = None
        for attempt in range(MAX_ATTEMPTS):
            if attempt < MAX_ATTEMPTS // 2:
                proposal = self.sampler.propose(trials, self._seed(number, attempt))
            elif proposal is not None:  # the sampler insists on one; a mutation of it is tried
                values = mutate(self.study, proposal.values, rng, changes=1 + attempt % 4)
                proposal = Proposal(values, proposal.sampler_attrs)
            if proposal is not None and self._is_worth_trying(proposal.values, tried):
                return proposal
        raise UsageError(
            f"no network that was not tried and is fast enough was found in {MAX_ATTEMPTS} "
            "attempts; the space may be exhausted, or the budget too low"
        )

    def _seed(self, number: int, attempt: int) -> int:
        return (self.effort.seed * SEED_STRIDE + number) * (MAX_ATTEMPTS + 1) + attempt

    def _is_worth_trying(self, values: Values, tried: set[str]) -> bool:
        """Tell whether a network is new, and may be fast enough."""
        budget_s = self.effort.budget_s
        if str(self.study.network(values)) in tried:
            return False
        if budget_s is None or self.predict_latency is None:
            return True
        return self.predict_latency(values) <= SCREENING_SLACK * budget_s

    def _advance(self, trial: TrialRecord) -> None:
        """Go on with a trial, to its next rung or its end."""
        try:
            trial = self._measure(trial)
            if not self._is_too_slow(trial):
                self._train(trial)
        except MeasurementError as error:  # of this network; other errors end the search
            self.store.finish(trial, "failed", str(error))

    def _is_too_slow(self, trial: TrialRecord) -> bool:
        """Refuse a network over the budget; never the reference model."""
        budget_s, latency_s = self.effort.budget_s, trial.latency_s
        if budget_s is None or latency_s is None or latency_s <= budget_s or _is_reference(trial):
            return False
        reason = f"{1e3 * latency_s:.1f} ms, over {1e3 * budget_s:.1f} ms"
        self.store.finish(trial, "refused", reason)
        return True

    def _measure(self, trial: TrialRecord) -> TrialRecord:
        """Return the trial with its latency."""
        if trial.timed is not None:
            return trial
        self.on_stage(trial.number, MEASURING)
        known = self.reference_latency if _is_reference(trial) else None
        timed = known or self.evaluator.time(trial.values)
        trial = replace(trial, timed=timed, latency_s=timed.ratio * self.reference_s)
        self.store.update(trial)
        return trial

    def _train(self, trial: TrialRecord) -> None:
        """Train to the next rung; to the end, what is never stopped."""
        rungs = rungs_of(self.effort.epochs)
        for epochs in rungs:
            if epochs in trial.rungs:
                continue
            self.on_stage(trial.number, f"training to epoch {epochs} of {rungs[-1]}")
            miou = self.evaluator.train(trial.number, trial.values, until=epochs)
            trial = replace(
                trial,
                rungs={**trial.rungs, epochs: miou},
                spent=self._spent() + epochs - trial.epochs,
            )
            self.store.update(trial)
            if not self._is_never_stopped(trial):
                return
        self.store.finish(trial, "trained", "")

    def _spent(self) -> int:
        """Return the epochs that the whole search has trained, up to the last rung of each."""
        return sum(trial.epochs for trial in self.store.trials())


def _is_reference(trial: TrialRecord) -> bool:
    """Tell whether a trial is the reference model, which is trained to the end in any case."""
    return trial.number == 0
