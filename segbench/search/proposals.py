"""Samplers: propose the next network from the trials so far."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from segbench.errors import UsageError
from segbench.search.space import Study, Values, Width
from segbench.search.trial import TrialRecord
from zoo.errors import did_you_mean

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Proposal:
    """Choice of a sampler.

    Attributes:
        sampler_attrs: kept with the trial, for the sampler's own use.
    """

    values: Values
    sampler_attrs: Mapping[str, Any] = field(default_factory=dict)


class Sampler(Protocol):
    """Source of proposals."""

    def propose(self, trials: Sequence[TrialRecord], seed: int) -> Proposal:
        """Return a proposal that follows from the trials and the seed alone."""
        ...


@dataclass
class RandomSampler:
    """Uniform sampler."""

    study: Study

    def propose(self, _trials: Sequence[TrialRecord], seed: int) -> Proposal:
        """Return a choice in every dimension, each as likely as the others."""
        return Proposal(self.study.draw(random.Random(seed)))  # noqa: S311 - no secret


@dataclass
class OptunaSampler:
    """One of Optuna's samplers, made anew for each proposal.

    Optuna does not store the state of a sampler, so one that lived through a search would propose
    other networks after a resume. One that is made from a seed and the trials so far does not.

    Attributes:
        make: returns the sampler for a seed.
    """

    study: Study
    make: Callable[[int], BaseSampler]
    _finished: dict[int, FrozenTrial] = field(default_factory=dict)

    def propose(self, trials: Sequence[TrialRecord], seed: int) -> Proposal:
        """Ask a new sampler, in a study in memory that holds the trials.

        A proposal may have been tried before, or be too slow; only what is tried is stored.
        """
        import optuna

        scratch = optuna.create_study(
            directions=["minimize", "maximize"], sampler=self.make(seed), storage=None
        )
        scratch.add_trials([self._optuna_trial(each) for each in trials])
        trial = scratch.ask(self._distributions)
        values = {each.name: trial.params[each.name] for each in self.study.dimensions}
        return Proposal(values, scratch.trials[-1].system_attrs)

    @property
    def _distributions(self) -> dict[str, BaseDistribution]:
        return distributions_of(self.study)

    def _optuna_trial(self, trial: TrialRecord) -> FrozenTrial:
        """Return a trial as Optuna's sampler sees it; made once for a trial that is over."""
        if trial.state == "waiting":
            return to_optuna(trial, self._distributions)
        if trial.number not in self._finished:
            self._finished[trial.number] = to_optuna(trial, self._distributions)
        return self._finished[trial.number]


def distributions_of(study: Study) -> dict[str, BaseDistribution]:
    """Return the dimensions as Optuna's distributions."""
    from optuna.distributions import (
        CategoricalDistribution,
        IntDistribution,
    )

    found: dict[str, BaseDistribution] = {}
    for each in study.dimensions:
        if isinstance(each, Width):
            found[each.name] = IntDistribution(each.low, each.high, step=each.step)
        else:
            found[each.name] = CategoricalDistribution(each.options)
    return found


def to_optuna(trial: TrialRecord, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    """Return a trial as Optuna's samplers see it: complete if it was trained to the end."""
    from optuna.trial import TrialState, create_trial

    states = {
        "trained": TrialState.COMPLETE,
        "waiting": TrialState.PRUNED,
        "stopped": TrialState.PRUNED,
        "refused": TrialState.PRUNED,
        "failed": TrialState.FAIL,
    }
    return create_trial(
        state=states[trial.state],
        values=trial.point,
        params=dict(trial.values),
        distributions=distributions,
        system_attrs=dict(trial.sampler_attrs),
    )


def _tpe(seed: int, *, multivariate: bool) -> BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed, multivariate=multivariate, constant_liar=False)


def _nsga2(seed: int) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=seed, population_size=20)


def _gp(seed: int) -> BaseSampler:
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed)


OPTUNA: Mapping[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: _tpe(seed, multivariate=False),
    "tpe-multivariate": lambda seed: _tpe(seed, multivariate=True),
    "nsga2": _nsga2,
    "gp": _gp,
}
OWN = ("front", "random")


def check_sampler(name: str) -> None:
    """Refuse an unknown sampler.

    Raises:
        UsageError: it is unknown; the nearest name is suggested.
    """
    names = (*OWN, *OPTUNA)
    if name not in names:
        raise UsageError(
            f"unknown sampler {name!r}{did_you_mean(name, names)} (samplers: {', '.join(names)})"
        )
