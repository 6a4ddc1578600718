"""One run in progress: networks that are inspected, and then timed in pairs.

What :mod:`segbench.measurement.profile` and :mod:`segbench.budgets.check` have in common.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

from segbench.errors import NotComparableError, SegbenchError
from segbench.measurement.assembly import assemble_profile
from segbench.measurement.host.reading import read_environment
from segbench.measurement.recording import Recording
from segbench.measurement.rounds import Rounds
from segbench.measurement.schedule import IN_TURNS, Pair, Sampling
from segbench.measurement.temporary import held_folder
from segbench.measurement.workers.cached_pools import StartsPools
from segbench.measurement.workers.pool import start_pools
from segbench.measurement.workers.protocol import Task, encode
from segbench.measurement.workers.replies import (
    InspectionReply,
    LayersReply,
    MemoryReply,
    ParityReply,
    PreparationReply,
)
from segbench.measurement.workers.supervisor import Question, try_each
from segbench.progress import Interrupted, Progress
from segbench.results.candidate import is_compared
from segbench.results.environment import Environment
from segbench.results.profile import Failure, Profile
from segbench.runtimes import can_train, find_runtime

LOG = logging.getLogger(__name__)
STORED = r"[0-9a-f]{16}.*"  # what a run's folder holds, if it was killed
PREPARING = "preparing runtimes"
NO_PEAKS: MemoryReply = {
    "preparation_peak_bytes": None,
    "prepare_s": None,
    "forward_peak_bytes": None,
    "train_peak_bytes": None,
}


@dataclass(frozen=True)
class _Asked:
    """A question about a task, and what is said of the stage that it fails in."""

    position: int
    stage: str
    question: Question


@dataclass
class Run:
    """What was asked for, and what is known so far.

    Attributes:
        tasks: the networks that get a profile.
        training: whether what a training step takes is wanted too.
        baseline: position of the task without which the others are worth nothing, where the others
            may fail without ending the run; None where the first failure ends it.
        failures: tasks that have failed, by their position. They have no part in what follows, and
            no profile.
        start_pools: starts what the workers of some rounds come from.
        candidates: those that are timed; the tasks, and others after them.
        in_turns: the candidates that are timed in turns with another.
        layers: the table of the only task, or why there is none.
    """

    tasks: list[Task]
    input_name: str
    progress: Progress
    strict: bool = False
    training: bool = True
    baseline: int | None = None
    failures: dict[int, Failure] = field(default_factory=dict)
    start_pools: StartsPools = start_pools
    environment: Environment = field(default_factory=read_environment)
    started_s: float = field(default_factory=time.perf_counter)
    candidates: list[Task] = field(default_factory=list)
    in_turns: frozenset[int] = frozenset()
    inspections: list[InspectionReply | None] = field(default_factory=list)
    memories: list[MemoryReply] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    parities: dict[int, ParityReply] = field(default_factory=dict)
    layers: LayersReply | str | None = None
    supervisor_cpu_share: float | None = None
    _stores: Path | None = None
    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _prepared: dict[int, PreparationReply] = field(default_factory=dict)

    def __post_init__(self) -> None:
        weakref.finalize(self, self._held.close)  # of one that nobody has entered
        self.tasks = [self._with_store(task) for task in self.tasks]

    def __enter__(self) -> Self:
        """Give the run, with whose end its temporary files go."""
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def _with_store(self, task: Task) -> Task:
        """Let the processes of a candidate share what its runtime converts, while the run lasts."""
        if find_runtime(task.candidate.runtime.name).runs_modules:
            return task
        if self._stores is None:
            self._stores = self._held.enter_context(held_folder("segbench-run-", holds=STORED))
        key = hashlib.sha256(encode(task.to_json()).encode()).hexdigest()[:16]
        return replace(task, store=str(self._stores / key))

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
        self.try_runtimes()
        arguments = {"strict": self.strict, "training": self.training}
        weights = [
            _Asked(position, "in the weighing of its memory", self._weighing(position))
            for position in self._living()
            if peaks is None or position in peaks
        ]
        counts = [
            _Asked(
                position,
                "in counting",
                Question(
                    replace(self.tasks[position], threads=1), "inspection", "inspect", arguments
                ),
            )
            for position in self._living()
        ]
        replies = self._ask([*weights, *counts], "counting")  # the longer ones first
        self.inspections = [None] * len(self.tasks)
        for asked, counted in zip(counts, replies[len(weights) :], strict=True):
            self.inspections[asked.position] = cast("InspectionReply | None", counted)
        self.memories = [NO_PEAKS] * len(self.tasks)
        for asked, weighed in zip(weights, replies, strict=False):
            self.memories[asked.position] = cast("MemoryReply", weighed or NO_PEAKS)
        for position, prepared in self._prepared.items():
            self.memories[position] = {**self.memories[position], **prepared}

    def try_runtimes(self) -> None:
        """Let every candidate that is not eager be prepared and compared with eager, once."""
        prepared = [
            _Asked(at, "in its preparation", Question(self.tasks[at], "memory", "prepare"))
            for at in self._living()
            if self.tasks[at].store is not None
        ]
        for asked, reply in zip(prepared, self._ask(prepared, PREPARING), strict=True):
            if reply is not None:
                self._prepared[asked.position] = cast("PreparationReply", reply)
        compared = [
            _Asked(at, "in its comparison with eager", Question(task, "parity", "measure"))
            for at in self._living()
            if is_compared((task := self.tasks[at]).candidate)
        ]
        for asked, reply in zip(compared, self._ask(compared, PREPARING), strict=True):
            if reply is not None:
                self.parities[asked.position] = cast("ParityReply", reply)

    def _weighing(self, position: int) -> Question:
        task = self.tasks[position]
        training = self.training and can_train(task.candidate.runtime)
        return Question(task, "memory", "measure", {"training": training})

    def _living(self) -> list[int]:
        """Return the positions of the tasks that have not failed."""
        return [position for position in range(len(self.tasks)) if position not in self.failures]

    def _ask(self, asked: Sequence[_Asked], doing: str) -> list[dict[str, Any] | None]:
        """Put questions to fresh processes; return the replies, None of tasks that failed."""
        replies = try_each(
            [each.question for each in asked],
            at_a_time=self.environment.effective_cpus,
            progress=lambda done: self.progress(doing, done, len(asked)),
            stops=self.baseline is None,
        )
        found: list[dict[str, Any] | None] = []
        for each, reply in zip(asked, replies, strict=True):
            if isinstance(reply, SegbenchError):
                self._fail(each.position, each.stage, reply)
                found.append(None)
            else:
                found.append(reply)
        return found

    def _fail(self, candidate: int, stage: str, error: SegbenchError) -> None:
        """Take a candidate out that has failed, or raise where the run is nothing without it."""
        if self.baseline is None:
            raise error
        if candidate in self.failures:
            return
        reason = f"{stage}, {error}"
        # Those after the tasks are the baseline once more.
        if candidate == self.baseline or candidate >= len(self.tasks):
            label = self.tasks[self.baseline].label
            said = f"the baseline {label!r} cannot be measured: {reason}"
            raise type(error)(said) from error
        label = self.tasks[candidate].label
        self.failures[candidate] = Failure(label, type(error).__name__, reason)
        LOG.debug("%s: %s\n%s", label, reason, "\n".join(getattr(error, "__notes__", ())))

    def _is_trained(self, task: Task) -> bool:
        """Tell whether a training step can be timed, by what was found out about the network."""
        # Neither the reference workload is inspected, nor what a search times.
        if task not in self.tasks or not self.is_inspected:
            return True
        position = self.tasks.index(task)
        inspection = self.inspections[position]
        if inspection is None:
            return False  # it has failed
        withheld = {**inspection["withheld"], **self.memories[position].get("withheld", {})}
        return "training" not in withheld

    def check_classes(self) -> None:
        """Refuse networks that do not do the same work."""
        found = [
            (inspection["classes"], task.label)
            for inspection, task in zip(self.inspections, self.tasks, strict=True)
            if inspection is not None
        ]
        classes, first = found[0]
        for other, label in found:
            if other != classes:
                raise NotComparableError(
                    f"cannot compare {label} with {first}: classes differ "
                    f"({other} and {classes}); give all the same classes"
                )

    def time(
        self,
        pairs: list[Pair],
        *,
        most: int,
        seed: int,
        plan: tuple[Sampling, ...] = IN_TURNS,
        more_candidates: Sequence[Task] = (),
        enough: Callable[[int], bool] | None = None,
    ) -> None:
        """Measure the tasks, and more candidates after them; only here must the machine be quiet.

        Args:
            pairs: positions among the tasks and the candidates after them. Those of a candidate
                that fails are taken out.
            most: rounds at most.
            enough: told the number of finished rounds; whether to stop.
        """
        self.candidates = [*self.tasks, *map(self._with_store, more_candidates)]
        self.in_turns = frozenset(candidate for pair in pairs if pair[1:] for candidate in pair)
        self.recordings = [Recording() for _ in self.candidates]
        training = any(sampling.work == "training" for sampling in plan)

        def fail(candidate: int, stage: str, error: SegbenchError) -> None:
            self._fail(candidate, stage, error)
            pairs[:] = [pair for pair in pairs if candidate not in pair]

        wall, cpu = time.perf_counter(), time.process_time()
        Rounds(
            tasks=self.candidates,
            pairs=pairs,
            most=most,
            seed=seed,
            start_pools=partial(self.start_pools, self.candidates, training=training),
            plan=plan,
            fails=fail,
            untrained=frozenset(  # a search inspects nothing, and times no training
                candidate
                for candidate, task in enumerate(self.candidates)
                if training and not self._is_trained(task)
            ),
            enough=enough,
        ).run(self.recordings, self.progress)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.supervisor_cpu_share = cpu / wall

    def profiles(self, *, complete: bool) -> list[Profile]:
        """Return a profile for each network that was inspected and has not failed."""
        recordings = self.recordings or [Recording() for _ in self.tasks]
        return [
            assemble_profile(
                task=task,
                input_name=self.input_name,
                environment=self.environment,
                inspection=inspection,
                memory=memory,
                parity=self.parities.get(position),
                recording=recording,
                supervisor_cpu_share=self.supervisor_cpu_share,
                layers=self.layers,
                complete=complete,
                in_turns=position in self.in_turns,
            )
            for position, (task, inspection, memory, recording) in enumerate(
                zip(self.tasks, self.inspections, self.memories, recordings, strict=False)
            )
            if inspection is not None and position not in self.failures
        ]

    @contextmanager
    def interruptible(self, so_far: Callable[[], Any]) -> Iterator[None]:
        """Turn Ctrl-C into an error that carries what is known by then."""
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(so_far() if self.is_inspected else None) from None
