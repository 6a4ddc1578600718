"""One run in progress: networks that are inspected, and then timed in contests.

What :mod:`segbench.profiling` and :mod:`segbench.budgets.checking` have in common.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

from segbench.assembling import assemble_profile
from segbench.crews import start_crews
from segbench.environment import read_environment
from segbench.errors import NotComparableError
from segbench.kept_crews import StartsCrews
from segbench.machine import Environment
from segbench.measuring import Question, ask_each
from segbench.protocol import Task
from segbench.recording import Recording
from segbench.results import Profile
from segbench.rounds import IN_TURNS, Contest, Progress, Rounds, Sampling

Partial = TypeVar("Partial")
NO_PEAKS = {"forward_peak_bytes": None, "train_peak_bytes": None}


class Interrupted(KeyboardInterrupt, Generic[Partial]):
    """Ctrl-C during a measurement.

    Attributes:
        partial: what was measured until then, marked as not complete; None if nothing was.
    """

    def __init__(self, partial: Partial | None) -> None:
        super().__init__("interrupted")
        self.partial = partial


def ignore_progress(_doing: str, _done: int, _total: int) -> None:
    """Show nothing."""


@dataclass
class Run:
    """What was asked for, and what is known so far.

    Attributes:
        tasks: the networks that get a profile.
        training: whether what a training step takes is wanted too.
        start_crews: starts what the workers of some rounds come from.
        arms: those that are timed; the tasks, and others after them.
        in_turns: the arms that are timed in turns with another.
    """

    tasks: list[Task]
    input_name: str
    progress: Progress
    strict: bool = False
    training: bool = True
    start_crews: StartsCrews = start_crews
    environment: Environment = field(default_factory=read_environment)
    started_s: float = field(default_factory=time.perf_counter)
    arms: list[Task] = field(default_factory=list)
    in_turns: frozenset[int] = frozenset()
    inspections: list[dict[str, Any]] = field(default_factory=list)
    memories: list[dict[str, Any]] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    layers: dict[str, Any] | None = None
    supervisor_cpu_share: float | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.started_s

    @property
    def is_inspected(self) -> bool:
        """Whether there is something to make profiles of."""
        return len(self.memories) == len(self.tasks)

    def inspect(self, *, peaks: Sequence[int] | None = None) -> None:
        """Find what needs no quiet machine: counts and peak memory, each in a fresh process.

        Args:
            peaks: positions of the tasks whose peak memory is wanted, which takes longer than all
                the counting; that of all if None.
        """
        counts = [
            Question(replace(task, threads=1), "inspection", "inspect", {"strict": self.strict})
            for task in self.tasks
        ]
        weighed = range(len(self.tasks)) if peaks is None else peaks
        weights = [
            Question(self.tasks[position], "memory", "measure", {"training": self.training})
            for position in weighed
        ]
        replies = ask_each(
            [*weights, *counts],  # the longer ones first
            at_a_time=self.environment.effective_cpus,
            progress=lambda done: self.progress("counting", done, len(weights) + len(counts)),
        )
        self.inspections = replies[len(weights) :]
        self.memories = [dict(NO_PEAKS) for _ in self.tasks]
        for position, reply in zip(weighed, replies, strict=False):
            self.memories[position] = reply

    def check_classes(self) -> None:
        """Refuse networks that do not do the same work."""
        first = self.inspections[0]
        for inspection, task in zip(self.inspections, self.tasks, strict=True):
            if inspection["classes"] != first["classes"]:
                raise NotComparableError(
                    f"cannot compare {task.name} with {self.tasks[0].name}: classes differ "
                    f"({inspection['classes']} and {first['classes']}); give all the same classes"
                )

    def time(
        self,
        contests: Sequence[Contest],
        *,
        most: int,
        seed: int,
        plan: tuple[Sampling, ...] = IN_TURNS,
        more_arms: Sequence[Task] = (),
        enough: Callable[[int], bool] | None = None,
    ) -> None:
        """Measure the tasks, and more arms after them; only here must the machine be quiet.

        Args:
            contests: positions among the tasks and the arms after them.
            most: rounds at most.
            enough: told the number of finished rounds; whether to stop.
        """
        self.arms = [*self.tasks, *more_arms]
        self.in_turns = frozenset(arm for contest in contests if contest[1:] for arm in contest)
        self.recordings = [Recording() for _ in self.arms]
        training = any(sampling.work == "training" for sampling in plan)
        wall, cpu = time.perf_counter(), time.process_time()
        Rounds(
            tasks=self.arms,
            contests=contests,
            most=most,
            seed=seed,
            start_crews=partial(self.start_crews, self.arms, training=training),
            plan=plan,
            enough=enough,
        ).run(self.recordings, self.progress)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.supervisor_cpu_share = cpu / wall

    def profiles(self, *, complete: bool) -> list[Profile]:
        """Return a profile for each network that was inspected."""
        recordings = self.recordings or [Recording() for _ in self.tasks]
        return [
            assemble_profile(
                task=task,
                input_name=self.input_name,
                environment=self.environment,
                inspection=inspection,
                memory=memory,
                recording=recording,
                supervisor_cpu_share=self.supervisor_cpu_share,
                layers=self.layers,
                complete=complete,
                in_turns=position in self.in_turns,
            )
            for position, (task, inspection, memory, recording) in enumerate(
                zip(self.tasks, self.inspections, self.memories, recordings, strict=False)
            )
        ]

    @contextmanager
    def interruptible(self, so_far: Callable[[], Any]) -> Iterator[None]:
        """Turn Ctrl-C into an error that carries what is known by then."""
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(so_far() if self.is_inspected else None) from None
