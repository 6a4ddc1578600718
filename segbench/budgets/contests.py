"""What limits on one workload need: which networks to build, and whom to time with whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from segbench.budgets.limits import BASELINE, REFERENCE, Limit
from segbench.measuring import holds_zoo
from segbench.protocol import Task
from segbench.revisions import Trees
from segbench.rounds import IN_TURNS, Contest, Sampling
from segbench.settings import Settings
from zoo.registry import known
from zoo.spec import ModelSpec

REFERENCE_MODEL = "segbench.reference:Convolutions"
REFERENCE_SIZE = (112, 112)
_TO_COME = -1  # the arm of the reference workload, until all others have theirs


@dataclass(frozen=True)
class Wanted:
    """One limit on one network.

    Attributes:
        place: ``file:line`` of the budget file, None for a limit that came otherwise.
    """

    model: ModelSpec
    limit: Limit
    place: str | None = None


@dataclass(frozen=True)
class Held:
    """Which arms a limit is judged by.

    Attributes:
        arm: the network that the limit is on.
        other: what its figure is a multiple of; None where it stands by itself.
    """

    arm: int
    other: int | None

    @property
    def contest(self) -> Contest:
        """The arms that are timed in turns for it; the same whichever the limit is on."""
        if self.other is None:
            return (self.arm,)
        return min(self.arm, self.other), max(self.arm, self.other)


@dataclass
class Lineup:
    """The networks of one workload, each once.

    Attributes:
        tasks: networks that get a profile; the reference workload is an arm after them.
        is_before: whether a task is of the other revision.
    """

    settings: Settings
    trees: Trees | None = None
    normalised: bool = False
    tasks: list[Task] = field(default_factory=list)
    is_before: list[bool] = field(default_factory=list)
    needs_reference: bool = False

    def hold_all(self, wanted: Sequence[Wanted]) -> list[Held]:
        """Find the arms of the limits, making those that are not there yet.

        The reference workload comes after all networks that get a profile.
        """
        held = [self._hold(each) for each in wanted]
        last = len(self.tasks)
        return [replace(each, other=last) if each.other == _TO_COME else each for each in held]

    def _hold(self, wanted: Wanted) -> Held:
        arm = self._arm(wanted.model, before=False)
        limit = wanted.limit
        match limit.to:
            case None:
                return Held(arm, None)
            case name if name == REFERENCE:
                self.needs_reference = True
                return Held(arm, _TO_COME)
            case name if name == BASELINE:
                if self.trees is not None:
                    return Held(arm, self._arm(wanted.model, before=True))
                if self.normalised and limit.metric.phase is not None:
                    self.needs_reference = True
                    return Held(arm, _TO_COME)
                return Held(arm, None)
            case name:
                return Held(arm, self._other_arm(ModelSpec.parse(name)))

    def _arm(self, model: ModelSpec, *, before: bool) -> int:
        task = self.settings.task(model)
        if self.trees is not None:
            task = (self.trees.against if before else self.trees.working).task(task)
        return self._place(task, before=before)

    def _other_arm(self, model: ModelSpec) -> int:
        """Return the arm of a network that others are multiples of, which need not be of the tree.

        One of segbench's own zoo is measured as it is installed, unless the tree has that zoo.
        """
        task = self.settings.task(model)
        if self.trees is not None:
            from_tree = self.trees.working.task(task)
            task = task if known(model.name) and not holds_zoo(from_tree.roots) else from_tree
        return self._place(task, before=False)

    def _place(self, task: Task, *, before: bool) -> int:
        if task not in self.tasks:
            self.tasks.append(task)
            self.is_before.append(before)
        return self.tasks.index(task)


def reference_task(settings: Settings) -> Task:
    """Return the reference workload, with the threads of the networks beside it."""
    same = replace(settings, batch=1, size=REFERENCE_SIZE, classes=None, input=None, strict=False)
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
