"""A search: propose, measure, train to the first rung; and train on what turns out to be worth it.

    propose        nothing that was tried before, nothing that is surely too slow
    measure        beside the rival; over the budget: refused, before any training
    train          for a ninth of the epochs; there it waits
    train on       to a third of the epochs, to all, whichever of those that wait promises most
    stop           what still waits when all were tried and nothing promises anything

What is found goes into the ledger at once. All decisions follow from it, and all chance from the
search's seed and the trial's number; so one that was killed goes on as if it had not been.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from segbench.errors import MeasurementError, UsageError
from segbench.search.ledger import Entry, Ledger, Tried
from segbench.search.pareto import Point
from segbench.search.proposing import Proposal, Proposer
from segbench.search.rungs import next_to_train, rungs_of
from segbench.search.seen import Seen
from segbench.search.space import Study, Values, key_of, mutate
from segbench.search.timing import Timed

ATTEMPTS = 50  # at a proposal that was not tried before
HOPELESS = 1.15  # times the budget; the predictor is not trusted more narrowly than that
SLOWEST = 3.0  # times the rival: the reference point of the hypervolume
SEEDS_APART = 100_003
MEASURING = "measuring"  # what a trial is told to be in


def reference_for(anchor_s: float) -> Point:
    """Return the reference point of the hypervolume, where the rival takes so many seconds."""
    return SLOWEST * anchor_s, 0.0


class Laboratory(Protocol):
    """Where networks are measured and trained, or where that is read from a table."""

    def time(self, values: Values) -> Timed:
        """Measure the network of a choice beside the rival."""
        ...

    def train(self, number: int, values: Values, *, until: int) -> float:
        """Train the network of a trial on to so many epochs; return the best mIoU by then."""
        ...


@dataclass(frozen=True)
class Effort:
    """How much is searched.

    Attributes:
        trials: that are over at the end, those of an earlier part of the search included.
        epochs: of a network that goes all the way.
        budget_s: slower networks are not trained, the rival aside; None for no limit.
        seed: of the whole search.
        stops: whether networks are stopped after a rung.
    """

    trials: int
    epochs: int
    budget_s: float | None = None
    seed: int = 0
    stops: bool = True


@dataclass
class Search:
    """A search that can be gone on with.

    Attributes:
        anchor_s: what the rival takes; a latency is a ratio to the rival, times this, for the
            machine may be faster at another time.
        rival: what was measured of the rival then, so that it is not measured again.
        latency: predicts seconds, to refuse what is hopeless before it is measured; None where
            nothing is known.
        on_stage: told a trial's number and what is done with it.
    """

    study: Study
    effort: Effort
    ledger: Ledger
    laboratory: Laboratory
    proposer: Proposer
    anchor_s: float
    rival: Timed | None = None
    latency: Callable[[Values], float] | None = None
    on_stage: Callable[[int, str], None] = lambda _number, _doing: None

    def run(self) -> Iterator[Tried]:
        """Yield a trial whenever it comes to a rung or to its end, until as many as asked are over.

        What is stopped when all is done is not told of again.

        Raises:
            UsageError: the data, the disk or the storage is at fault, and not a network.
        """
        while (entry := self._next()) is not None:
            self._advance(entry)
            yield self.ledger.tried()[entry.number]
        for entry in self.ledger.open():
            self.ledger.end(entry, "stopped", f"behind the front after {max(entry.rungs)} epochs")

    def _next(self) -> Entry | None:
        """Return the trial that something is done with next; None if all is done."""
        begun = self.ledger.open()
        for entry in begun:
            if not entry.rungs or self._is_never_stopped(entry):
                return entry
        seen = [each.seen for each in self.ledger.tried()]
        last = len(seen) >= self.effort.trials
        chosen = next_to_train(self.study, seen, self.reference, last=last)
        if chosen is not None:
            return next(entry for entry in begun if entry.number == chosen)
        return None if last else self.ledger.begin(self._propose(seen))

    def _is_never_stopped(self, entry: Entry) -> bool:
        """Tell whether a trial goes all the way, whatever others are like."""
        return _is_rival(entry) or not self.effort.stops or self.effort.epochs in entry.rungs

    @property
    def reference(self) -> Point:
        """The reference point of the hypervolume."""
        return reference_for(self.anchor_s)

    def _propose(self, seen: list[Seen]) -> Proposal:
        number = len(seen)
        if number < len(self.study.first):
            return Proposal(self.study.first[number])
        tried = {key_of(each.values, self.study) for each in seen}
        rng = random.Random(self._seed(number, ATTEMPTS))  # noqa: S311 - no secret
        proposal = None
        for attempt in range(ATTEMPTS):
            if attempt < ATTEMPTS // 2:
                proposal = self.proposer.propose(seen, self._seed(number, attempt))
            elif proposal is not None:  # it insists; so what it wants is changed here and there
                values = mutate(self.study, proposal.values, rng, changes=1 + attempt % 4)
                proposal = Proposal(values, proposal.about)
            if proposal is not None and self._is_worth_trying(proposal.values, tried):
                return proposal
        raise UsageError(
            f"no network that was not tried and is fast enough was found in {ATTEMPTS} attempts; "
            "the space may be exhausted, or the budget too low"
        )

    def _seed(self, number: int, attempt: int) -> int:
        return (self.effort.seed * SEEDS_APART + number) * (ATTEMPTS + 1) + attempt

    def _is_worth_trying(self, values: Values, tried: set[str]) -> bool:
        """Tell whether a network is new, and may be fast enough."""
        budget_s = self.effort.budget_s
        if key_of(values, self.study) in tried:
            return False
        if budget_s is None or self.latency is None:
            return True
        return self.latency(values) <= HOPELESS * budget_s

    def _advance(self, entry: Entry) -> None:
        """Go on with a trial from wherever it is, to its next rung or its end."""
        try:
            self._measure(entry)
            if not self._is_too_slow(entry):
                self._train(entry)
        except MeasurementError as error:  # of this network; other errors are of the search
            self.ledger.end(entry, "failed", str(error))

    def _is_too_slow(self, entry: Entry) -> bool:
        """Refuse a network that is over the budget; never the rival, which others must reach."""
        budget_s, latency_s = self.effort.budget_s, entry.latency_s
        if budget_s is None or latency_s is None or latency_s <= budget_s or _is_rival(entry):
            return False
        reason = f"{1e3 * latency_s:.1f} ms, over {1e3 * budget_s:.1f} ms"
        self.ledger.end(entry, "refused", reason)
        return True

    def _measure(self, entry: Entry) -> None:
        if entry.timed is not None:
            return
        self.on_stage(entry.number, MEASURING)
        known = self.rival if _is_rival(entry) else None
        entry.timed = known or self.laboratory.time(entry.values)
        entry.latency_s = entry.timed.ratio * self.anchor_s
        self.ledger.keep(entry)

    def _train(self, entry: Entry) -> None:
        rungs = rungs_of(self.effort.epochs)
        for epochs in rungs:
            if epochs in entry.rungs:
                continue
            self.on_stage(entry.number, f"training to epoch {epochs} of {rungs[-1]}")
            found = self.laboratory.train(entry.number, entry.values, until=epochs)
            entry.spent = self._spent() + epochs - max(entry.rungs, default=0)
            entry.rungs[epochs] = found
            self.ledger.keep(entry)
            if not self._is_never_stopped(entry):
                return
        self.ledger.end(entry, "trained", "")

    def _spent(self) -> int:
        """Return the epochs that were trained by now, as far as they led to a rung."""
        return sum(max(each.seen.rungs, default=0) for each in self.ledger.tried())


def _is_rival(entry: Entry) -> bool:
    """Tell whether a trial is the network that all else is held against; it goes all the way."""
    return entry.number == 0
