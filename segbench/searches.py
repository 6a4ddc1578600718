"""What a search found: every trial, and the front of those that were trained to the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter

from segbench.confusion import Protocol
from segbench.search.pareto import Point, front, hypervolume
from segbench.search.seen import State
from segbench.statistics import Interval

SEARCH_SCHEMA = "segbench/search/1"


@dataclass(frozen=True)
class Trial:
    """One network of a search.

    Attributes:
        model: its specification as text.
        state: ``waiting`` only while the search goes on.
        latency_s: of the forward pass; its ratio to the rival, times what the rival took when the
            search began. None if it was never measured.
        ratio: to the rival, measured in turns with it; with a 95 % interval.
        epochs: that it was trained for.
        miou: the best on validation by then.
        macs: multiply-accumulates of a forward pass.
        spent: epochs that the whole search had trained when this network came as far; None if it
            was not trained, and in older results, where each was done with before the next began.
    """

    number: int
    model: str
    state: State
    reason: str
    latency_s: float | None
    ratio: float | None
    ratio_ci95: Interval | None
    epochs: int
    miou: float | None
    params: int
    macs: int
    spent: int | None = None

    @property
    def point(self) -> Point | None:
        """Latency and mIoU, of a network that was trained to the end."""
        if self.state != "trained" or self.latency_s is None or self.miou is None:
            return None
        return self.latency_s, self.miou


@dataclass(frozen=True)
class Searched:
    """A search, finished or not.

    Attributes:
        rival: the network that latencies are held against.
        size: height and width at which latencies were measured; `train_size`: of the images that
            networks were trained and judged with.
        epochs: of a network that was trained to the end.
        budget_s: slower networks were refused, if there is one.
        reference: latency and mIoU; the hypervolume is the area between it and the front.
        asked: trials that were asked for.
        machine: where latencies were measured.
        importances: of each choice, for latency and for mIoU, as shares of all; empty while there
            are too few trials to tell.
    """

    study: str
    dataset: str
    protocol: Protocol
    recipe: str
    size: tuple[int, int]
    train_size: tuple[int, int]
    threads: int
    runtime: str
    sampler: str
    seed: int
    epochs: int
    budget_s: float | None
    rival: str
    reference: Point
    asked: int
    trials: tuple[Trial, ...]
    machine: str
    importances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    complete: bool = True
    created: str = ""
    schema: str = SEARCH_SCHEMA

    @property
    def front(self) -> list[Trial]:
        """The networks that no other beats, the fastest first."""
        trained = [trial for trial in self.trials if trial.point is not None]
        return [trained[at] for at in front(_points(trained))]

    @property
    def hypervolume(self) -> float:
        """Seconds times mIoU."""
        return hypervolume(_points(self.trials), self.reference)


def _points(trials: Sequence[Trial]) -> list[Point]:
    return [trial.point for trial in trials if trial.point is not None]


def growth(searched: Searched) -> list[tuple[int, float]]:
    """Return, in the order in which networks came as far as they did, epochs and hypervolume.

    The epochs are those that all of them had been trained for by then.
    """
    in_turn = accumulate(trial.epochs for trial in searched.trials)
    came = sorted(
        (
            (trial.spent or epochs, trial.number, trial.point)
            for trial, epochs in zip(searched.trials, in_turn, strict=True)
            if trial.epochs
        ),
        key=itemgetter(0, 1),
    )
    points = [point for *_, point in came]
    return [
        (epochs, hypervolume([point for point in points[:count] if point], searched.reference))
        for count, (epochs, *_) in enumerate(came, 1)
    ]


def mattered(searched: Searched, most: int) -> list[str]:
    """Return the choices that mattered most for latency, then those for mIoU, each once.

    Args:
        most: for either.
    """
    best = (
        sorted(shares, key=lambda choice: -shares[choice])[:most]
        for shares in searched.importances.values()
    )
    return list(dict.fromkeys(choice for few in best for choice in few))


def pick(searched: Searched, what: str) -> Trial | None:
    """Return a network by what is wanted of it; None if none is so.

    Args:
        what: one of `PICKS`, or a trial's number.
    """
    if what in PICKS:
        return PICKS[what](searched)
    return next((trial for trial in searched.trials if str(trial.number) == what), None)


def _fastest_not_worse(searched: Searched) -> Trial | None:
    rival = searched.trials[0] if searched.trials else None
    if rival is None or rival.miou is None:
        return None
    return next((trial for trial in searched.front if (trial.miou or 0) >= rival.miou), None)


def _most_accurate(searched: Searched) -> Trial | None:
    budget_s = math.inf if searched.budget_s is None else searched.budget_s
    within = [trial for trial in searched.front if (trial.latency_s or 0) <= budget_s]
    return within[-1] if within else None  # a rival that is over the budget is trained all the same


def _knee(searched: Searched) -> Trial | None:
    trials = searched.front
    if not trials:
        return None
    points = _points(trials)
    (fast, low), (slow, high) = points[0], points[-1]
    wide, tall = (slow - fast) or 1.0, (high - low) or 1.0
    heights = [(miou - low) / tall - (latency - fast) / wide for latency, miou in points]
    return trials[max(range(len(trials)), key=heights.__getitem__)]


# Networks of the front by name: the fastest that is no worse than the rival; the most accurate
# within the budget, or of all if there is none; the farthest from the line between its ends.
PICKS: Mapping[str, Callable[[Searched], Trial | None]] = {
    "fastest-not-worse": _fastest_not_worse,
    "most-accurate": _most_accurate,
    "knee": _knee,
}
