"""Candidates and pairs that limits on one workload need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from segbench.budgets.budget import refuse_itself
from segbench.budgets.limits import BASELINE, REFERENCE, Limit
from segbench.budgets.revisions import Trees
from segbench.errors import NotComparableError
from segbench.measurement.schedule import IN_TURNS, Pair, Sampling
from segbench.measurement.settings import Settings
from segbench.measurement.workers.child_program import holds_zoo
from segbench.measurement.workers.protocol import Task
from segbench.results.candidate import EAGER, Candidate, names_head, with_head
from segbench.toml_files import errors_at
from zoo.registry import known
from zoo.spec import ModelSpec

REFERENCE_MODEL = "segbench.measurement.reference:Convolutions"
REFERENCE_SIZE = (112, 112)
_TO_COME = -1  # the candidate of the reference workload, until all others have theirs


@dataclass(frozen=True)
class ModelLimit:
    """One limit on one candidate.

    Attributes:
        model: a text may leave its runtime to the settings.
        place: ``file:line`` of the budget file, None for a limit that came otherwise.
    """

    model: str | ModelSpec | Candidate
    limit: Limit
    place: str | None = None


@dataclass(frozen=True)
class JudgedPair:
    """Which candidates a limit is judged by.

    Attributes:
        candidate: the network that the limit is on.
        other: what its figure is a multiple of; None where it stands by itself.
    """

    candidate: int
    other: int | None

    @property
    def pair(self) -> Pair:
        """The candidates that are timed in turns for it; the same whichever the limit is on."""
        if self.other is None:
            return (self.candidate,)
        return min(self.candidate, self.other), max(self.candidate, self.other)


@dataclass
class CandidateSet:
    """The networks of one workload, each once.

    Attributes:
        tasks: networks that get a profile; the reference workload is a candidate after them.
        is_before: whether a task is of the other revision.
    """

    settings: Settings
    trees: Trees | None = None
    normalised: bool = False
    tasks: list[Task] = field(default_factory=list)
    is_before: list[bool] = field(default_factory=list)
    needs_reference: bool = False

    def pair_all(self, wanted: Sequence[ModelLimit]) -> list[JudgedPair]:
        """Find the candidates of the limits, making those that are not there yet.

        The reference workload comes after all networks that get a profile.
        """
        judged = [self._pair(each) for each in wanted]
        last = len(self.tasks)
        return [replace(each, other=last) if each.other == _TO_COME else each for each in judged]

    def _pair(self, wanted: ModelLimit) -> JudgedPair:
        candidate = self._candidate(wanted.model, before=False)
        limit = wanted.limit
        match limit.to:
            case None:
                return JudgedPair(candidate, None)
            case name if name == REFERENCE:
                self.needs_reference = True
                return JudgedPair(candidate, _TO_COME)
            case name if name == BASELINE:
                if self.trees is not None:
                    return JudgedPair(candidate, self._candidate(wanted.model, before=True))
                if self.normalised and limit.metric.phase is not None:
                    self.needs_reference = True
                    return JudgedPair(candidate, _TO_COME)
                return JudgedPair(candidate, None)
            case name:
                with errors_at(wanted.place):
                    self._check_pair(wanted, name)
                return JudgedPair(candidate, self._other_candidate(name))

    def _check_pair(self, wanted: ModelLimit, other: str) -> None:
        """Refuse to hold a candidate against itself, or unasked against one with another head.

        Raises:
            UsageError: the limit does the one.
            NotComparableError: it does the other.
        """
        limit = wanted.limit
        found = self.settings.candidate(wanted.model), self.settings.candidate(other)
        refuse_itself(limit, *found)
        own, its = (each.runtime.head for each in found)
        if own != its and limit.metric.is_of_a_run and not names_head(other):
            both = " or ".join(f"'{with_head(found[1], head)}'" for head in (own, its))
            raise NotComparableError(
                f"cannot compare {found[0].label} with {found[1].label}: heads differ ({own} and "
                f"{its}); name the one that is meant in the limit: {both}"
            )

    def _candidate(self, model: str | ModelSpec | Candidate, *, before: bool) -> int:
        task = self.settings.task(model)
        if self.trees is not None:
            task = (self.trees.against if before else self.trees.working).task(task)
        return self._place(task, before=before)

    def _other_candidate(self, model: str) -> int:
        """Return the candidate that others are multiples of, which need not be of the tree.

        One of segbench's own zoo is measured as it is installed, unless the tree has that zoo.
        """
        task = self.settings.task(model)
        if self.trees is not None:
            from_tree = self.trees.working.task(task)
            task = (
                task if known(task.network.name) and not holds_zoo(from_tree.roots) else from_tree
            )
        return self._place(task, before=False)

    def _place(self, task: Task, *, before: bool) -> int:
        if task not in self.tasks:
            self.tasks.append(task)
            self.is_before.append(before)
        return self.tasks.index(task)


def reference_task(settings: Settings) -> Task:
    """Return the reference workload, with the threads of the networks beside it, and eager."""
    same = replace(settings, strict=False, runtime=EAGER).with_values(
        batch=1, size=REFERENCE_SIZE, classes=None, input=None
    )
    return same.task(REFERENCE_MODEL)


def plan_for(limits: Sequence[Limit]) -> tuple[Sampling, ...]:
    """Return the kinds of work that must be timed: inference, training, both or none.

    >>> plan = plan_for([Limit.parse("latency.forward.p50_s <= 20 ms")])
    >>> [sampling.work for sampling in plan]
    ['inference']
    """
    phases = {limit.metric.phase for limit in limits} - {None}
    wanted = {"inference" if phase == "forward" else "training" for phase in phases}
    return tuple(sampling for sampling in IN_TURNS if sampling.work in wanted)
