"""Budgets: the limits that a network under a workload has to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from segbench.budgets.limits import BASELINE, REFERENCE, Limit
from segbench.budgets.workload_keys import WorkloadValue
from segbench.errors import UsageError
from segbench.results.candidate import EAGER, UNSAID, Candidate
from segbench.runtimes import check_runtime
from segbench.toml_files import errors_at
from zoo.allowed import allow_named
from zoo.frozen import FrozenMapping
from zoo.registry import check_name
from zoo.spec import ModelSpec

EXAMPLE_LIMIT = "params <= 603_288"


@dataclass(frozen=True)
class PlacedLimit:
    """A limit, and where it was written.

    Attributes:
        place: ``file:line`` of a budget file; None for a limit that came otherwise.
    """

    limit: Limit
    place: str | None = None


@dataclass(frozen=True)
class Budget:
    """The limits of one network under one workload.

    Attributes:
        model: the candidate's text, as on the command line.
        workload: what was said of it, by the names of
            :class:`segbench.measurement.settings.Settings`; what is missing is the command's.
        place: ``file:line`` of the budget's header; None for one that came otherwise.
    """

    model: str
    limits: tuple[PlacedLimit, ...]
    workload: FrozenMapping[WorkloadValue] = field(default_factory=lambda: FrozenMapping({}))
    place: str | None = None

    @property
    def spec(self) -> ModelSpec:
        """The network; a JSON file is read anew.

        >>> make_budget("segfast, classes=2", ["params <= 1 M"]).spec.options["classes"]
        2
        """
        return self.candidate.spec

    @property
    def candidate(self) -> Candidate:
        """What the limits are on; its runtime is `UNSAID` where that is the command's to say."""
        return Candidate.parse(self.model, runtime=UNSAID)


def make_budget(model: str, limits: Sequence[str]) -> Budget:
    """Return a budget of limits that stand in no file.

    Raises:
        UsageError: there is no such model, there are no limits, or one is malformed or repeated.

    >>> make_budget("segfast", ["params <= 603_288"]).limits[0].limit.bound
    603288.0
    """
    with errors_at(None):
        candidate = read_model(model)
        placed = tuple(PlacedLimit(read_limit(text, candidate)) for text in limits)
    if not placed:
        raise UsageError(f"no limit is given for model {model!r}; give one as in {EXAMPLE_LIMIT!r}")
    budget = Budget(model, placed)
    refuse_repeats([budget])
    return budget


def read_model(text: str) -> Candidate:
    """Return the candidate that a text names; a JSON file is read.

    Budgets are the user's own, on the command line or in a file like a Makefile: what they name
    may be imported.

    Raises:
        ZooError: the network's text is malformed, or there is no such network or file.
        UsageError: its runtime is malformed, unknown or not installed.

    >>> str(read_model("mypkg.nets:tiny, width=24").spec)
    'mypkg.nets:tiny,width=24'
    """
    allow_named(text)
    candidate = Candidate.parse(text, runtime=UNSAID)
    if not candidate.is_graph:
        check_name(candidate.spec.name)
    if candidate.runtime != UNSAID:
        check_runtime(candidate.runtime)
    return candidate


def read_limit(text: str, candidate: Candidate) -> Limit:
    """Return a limit on a candidate, once the one that it is a multiple of is known to be there.

    Raises:
        UsageError: the limit is malformed, or holds the candidate against itself, or the other's
            runtime is unknown or not installed.
        ZooError: there is no such other model or file.

    >>> read_limit("latency.forward.p50_s <= 0.25 * segnet", read_model("segfast")).factor
    0.25
    """
    limit = Limit.parse(text)
    named = limit.to not in {None, BASELINE, REFERENCE}
    if limit.to is not None and named:
        refuse_itself(limit, candidate, read_model(limit.to))
    return limit


def refuse_itself(limit: Limit, candidate: Candidate, other: Candidate) -> None:
    """Refuse a limit that holds a candidate against itself.

    Raises:
        UsageError: it does.
    """
    if candidate == other:
        name = str(replace(candidate, runtime=EAGER) if candidate.runtime == UNSAID else candidate)
        raise UsageError(
            f"limit {limit.text!r} holds {name!r} against itself; name another model, or "
            "'baseline' for another state of this one"
        )


def refuse_repeats(budgets: Sequence[Budget]) -> None:
    """Refuse what would be judged twice: the same limit on one network under one workload.

    Raises:
        UsageError: there is such a limit.
    """
    first: dict[object, PlacedLimit] = {}
    for budget in budgets:
        for placed in budget.limits:
            key = (budget.candidate, budget.workload, placed.limit)
            before = first.setdefault(key, placed)
            if before is not placed:
                line = (before.place or "").rpartition(":")[2]
                where = f"stands in line {line} already" if line else "is given twice"
                with errors_at(placed.place):
                    raise UsageError(
                        f"limit {placed.limit.text!r} on model {budget.model!r} {where}; "
                        "leave one of them out"
                    )
