"""Result of a search: every trial, and the front of those trained to the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import Annotated, Literal

from annotated_types import Ge, Lt

from segbench.quantities import Count, Duration, End, Number, Share, Times
from segbench.results.evaluation import Protocol
from segbench.results.pareto import Point, front, hypervolume
from segbench.results.statistics import Interval
from zoo.spec import ModelSpec

SEARCH_SCHEMA = "segbench/search/1"

State = Literal["trained", "waiting", "stopped", "refused", "failed"]
Importance = Annotated[float, Ge(0), Lt(1.001)]  # a share of a sum that was rounded


@dataclass(frozen=True)
class Trial:
    """One network of a search.

    Attributes:
        model: its specification as text.
        state: ``waiting`` only while the search goes on.
        latency_s: of the forward pass: the ratio times the reference model's latency at the
            beginning of the search. None if it was never measured.
        ratio: to the reference model, measured in turns with it; with a 95 % interval.
        epochs: trained so far.
        miou: best on validation so far.
        macs: multiply-accumulates of a forward pass.
        spent: epochs that the whole search had trained when this network reached its last rung.
            None if it was not trained, and in older results, in which each trial was over before
            the next began.
    """

    number: Count
    model: str
    state: State
    reason: str
    latency_s: Duration | None
    ratio: Times | None
    ratio_ci95: tuple[End, End] | None
    epochs: Count
    miou: Share | None
    params: Count
    macs: Count
    spent: Count | None = None

    def __post_init__(self) -> None:
        _check_model(self.model)
        if self.ratio_ci95 is not None and self.ratio is None:
            raise ValueError("an interval of a ratio is given, and no ratio")
        check_interval(self.ratio or 0.0, self.ratio_ci95)
        if self.miou is not None and self.latency_s is None:
            raise ValueError("a network with an mIoU was measured before, and has no latency")
        if self.state == "trained" and self.miou is None:
            raise ValueError("a network that was trained to the end has an mIoU")

    @property
    def point(self) -> Point | None:
        """Latency and mIoU of a network that was trained to the end."""
        if self.state != "trained" or self.latency_s is None or self.miou is None:
            return None
        return self.latency_s, self.miou


@dataclass(frozen=True)
class SearchResult:
    """A search, finished or not.

    Attributes:
        rival: name of the reference model, in the JSON's word.
        size: height and width at which latencies were measured; `train_size`: of the images for
            training and validation.
        epochs: at the last rung.
        budget_s: slower networks were refused; None for no budget.
        reference: latency and mIoU of the reference point; the hypervolume is the area between it
            and the front.
        asked: number of trials that the search was to finish.
        machine: processor and torch of the latency measurements.
        importances: share of each choice, for latency and for mIoU; empty for too few trials.
    """

    study: str
    dataset: str
    protocol: Protocol
    recipe: str
    size: tuple[Number, Number]
    train_size: tuple[Number, Number]
    threads: Number
    runtime: str
    sampler: str
    seed: Count
    epochs: Number
    budget_s: Duration | None
    rival: str
    reference: tuple[Duration, Share]
    asked: Number
    trials: tuple[Trial, ...]
    machine: str
    importances: Mapping[str, Mapping[str, Importance]] = field(default_factory=dict)
    complete: bool = True
    created: str = ""
    schema: str = SEARCH_SCHEMA

    def __post_init__(self) -> None:
        for before, after in pairwise(trial.number for trial in self.trials):
            if after <= before:
                raise ValueError(f"trial {after} follows trial {before}; trials are in their order")

    @property
    def reference_trial(self) -> Trial | None:
        """Trial of the reference model, the first of all; None if it is missing."""
        return next((trial for trial in self.trials[:1] if trial.number == 0), None)

    @property
    def front(self) -> list[Trial]:
        """Networks that no other dominates, the fastest first."""
        trained = [trial for trial in self.trials if trial.point is not None]
        return [trained[at] for at in front(_points(trained))]

    @property
    def hypervolume(self) -> float:
        """Seconds times mIoU."""
        return hypervolume(_points(self.trials), self.reference)


def check_interval(middle: float, interval: Interval | None) -> None:
    """Refuse an interval that does not hold its own figure.

    Raises:
        ValueError: it is not.

    >>> check_interval(1.0, (1.1, 0.9))
    Traceback (most recent call last):
    ValueError: the interval from 1.1 to 0.9 does not hold its figure, 1
    """
    slack = 1e-9 * middle  # of rounding, where all samples are alike
    if interval is not None and not interval[0] - slack <= middle <= interval[1] + slack:
        low, high = interval
        raise ValueError(
            f"the interval from {low:g} to {high:g} does not hold its figure, {middle:g}"
        )


def _check_model(text: str) -> None:
    """Refuse text that is no specification; no file is read for one.

    Raises:
        ValueError: it is none.
    """
    if text.partition(",")[0].strip().endswith(".json"):
        raise ValueError(f"{text!r} is a file, and no model in text form")
    ModelSpec.parse(text)


def _points(trials: Sequence[Trial]) -> list[Point]:
    return [trial.point for trial in trials if trial.point is not None]


def growth(result: SearchResult) -> list[tuple[int, float]]:
    """Return epochs and hypervolume, in the order in which networks reached their last rungs.

    The epochs are those that the whole search had trained by then.
    """
    in_turn = accumulate(trial.epochs for trial in result.trials)
    reached = sorted(
        (
            (trial.spent or epochs, trial.number, trial.point)
            for trial, epochs in zip(result.trials, in_turn, strict=True)
            if trial.epochs
        ),
        key=itemgetter(0, 1),
    )
    points = [point for *_, point in reached]
    return [
        (epochs, hypervolume([point for point in points[:count] if point], result.reference))
        for count, (epochs, *_) in enumerate(reached, 1)
    ]


def most_important(result: SearchResult, count: int) -> list[str]:
    """Return the most important choices for latency, then those for mIoU, each once.

    Args:
        count: for either.
    """
    best = (
        sorted(shares, key=lambda choice: -shares[choice])[:count]
        for shares in result.importances.values()
    )
    return list(dict.fromkeys(choice for few in best for choice in few))


def pick(result: SearchResult, what: str) -> Trial | None:
    """Return a network by a name of `PICKS` or its number; None if there is none."""
    if what in PICKS:
        return PICKS[what](result)
    return next((trial for trial in result.trials if str(trial.number) == what), None)


def _fastest_not_worse(result: SearchResult) -> Trial | None:
    reference = result.reference_trial
    if reference is None or reference.miou is None:
        return None
    return next((trial for trial in result.front if (trial.miou or 0) >= reference.miou), None)


def _most_accurate(result: SearchResult) -> Trial | None:
    budget_s = math.inf if result.budget_s is None else result.budget_s
    within = [trial for trial in result.front if (trial.latency_s or 0) <= budget_s]
    return within[-1] if within else None  # the reference model may be over the budget


def _knee(result: SearchResult) -> Trial | None:
    trials = result.front
    if not trials:
        return None
    points = _points(trials)
    (fast, low), (slow, high) = points[0], points[-1]
    wide, tall = (slow - fast) or 1.0, (high - low) or 1.0
    heights = [(miou - low) / tall - (latency - fast) / wide for latency, miou in points]
    return trials[max(range(len(trials)), key=heights.__getitem__)]


# Networks of the front by name: the fastest that is no worse than the reference model; the most
# accurate within the budget, if there is one; the farthest from the line between the front's ends.
PICKS: Mapping[str, Callable[[SearchResult], Trial | None]] = {
    "fastest-not-worse": _fastest_not_worse,
    "most-accurate": _most_accurate,
    "knee": _knee,
}
