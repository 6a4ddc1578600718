"""Proposals: which network is tried next, from those that were."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from segbench.errors import UsageError
from segbench.search.seen import Seen
from segbench.search.space import Study, Values, Width
from zoo.errors import did_you_mean

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Proposal:
    """A choice, and what the sampler wants to be told with it again."""

    values: Values
    about: Mapping[str, Any] = field(default_factory=dict)


class Proposer(Protocol):
    """What proposes."""

    def propose(self, seen: Sequence[Seen], seed: int) -> Proposal:
        """Return a proposal that follows from these and from nothing else."""
        ...


@dataclass
class RandomProposer:
    """Every choice as likely as the others."""

    study: Study

    def propose(self, _seen: Sequence[Seen], seed: int) -> Proposal:
        """Return a choice in every dimension."""
        return Proposal(self.study.draw(random.Random(seed)))  # noqa: S311 - no secret


@dataclass
class OptunaProposer:
    """One of Optuna's samplers, made anew for each proposal.

    The state of a sampler is not kept with a study, so a sampler that lived through a search would
    propose otherwise after a break. One that is made from a seed and the trials so far does not.

    Attributes:
        make: returns the sampler for a seed.
    """

    study: Study
    make: Callable[[int], BaseSampler]
    _kept: dict[int, FrozenTrial] = field(default_factory=dict)

    def propose(self, seen: Sequence[Seen], seed: int) -> Proposal:
        """Ask a sampler that has seen these."""
        import optuna  # noqa: PLC0415 - it takes a second

        scratch = optuna.create_study(
            directions=["minimize", "maximize"], sampler=self.make(seed), storage=None
        )
        scratch.add_trials([self._trial(each) for each in seen])
        trial = scratch.ask(self._distributions)
        about = scratch.trials[-1].system_attrs
        return Proposal(
            {each.name: trial.params[each.name] for each in self.study.dimensions}, about
        )

    @property
    def _distributions(self) -> dict[str, BaseDistribution]:
        return distributions_of(self.study)

    def _trial(self, seen: Seen) -> FrozenTrial:
        """Return the trial as Optuna knows it, made once where no more can come of it."""
        if seen.state == "waiting":
            return frozen(seen, self._distributions)
        if seen.number not in self._kept:
            self._kept[seen.number] = frozen(seen, self._distributions)
        return self._kept[seen.number]


def distributions_of(study: Study) -> dict[str, BaseDistribution]:
    """Return the dimensions as Optuna writes them."""
    from optuna.distributions import (  # noqa: PLC0415 - it takes a second
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


def frozen(seen: Seen, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    """Return a trial as Optuna has it: complete where it was trained to the end."""
    from optuna.trial import TrialState, create_trial  # noqa: PLC0415 - it takes a second

    states = {
        "trained": TrialState.COMPLETE,
        "waiting": TrialState.PRUNED,
        "stopped": TrialState.PRUNED,
        "refused": TrialState.PRUNED,
        "failed": TrialState.FAIL,
    }
    return create_trial(
        state=states[seen.state],
        values=seen.point,
        params=dict(seen.values),
        distributions=distributions,
        system_attrs=dict(seen.about),
    )


def _tpe(seed: int, *, multivariate: bool) -> BaseSampler:
    from optuna.samplers import TPESampler  # noqa: PLC0415

    return TPESampler(seed=seed, multivariate=multivariate, constant_liar=False)


def _nsga2(seed: int) -> BaseSampler:
    from optuna.samplers import NSGAIISampler  # noqa: PLC0415

    return NSGAIISampler(seed=seed, population_size=20)


def _gp(seed: int) -> BaseSampler:
    from optuna.samplers import GPSampler  # noqa: PLC0415

    return GPSampler(seed=seed)


OPTUNA: Mapping[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: _tpe(seed, multivariate=False),
    "tpe-multivariate": lambda seed: _tpe(seed, multivariate=True),
    "nsga2": _nsga2,
    "gp": _gp,
}
OWN = ("front", "random")


def check_sampler(name: str) -> None:
    """Refuse a sampler that there is not.

    Raises:
        UsageError: naming the nearest.
    """
    names = (*OWN, *OPTUNA)
    if name not in names:
        raise UsageError(
            f"unknown sampler {name!r}{did_you_mean(name, names)} (samplers: {', '.join(names)})"
        )
