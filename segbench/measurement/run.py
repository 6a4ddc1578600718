"""One run in progress: networks that are inspected, and then timed in pairs.

What :mod:`segbench.measurement.profile` and :mod:`segbench.budgets.check` have in common.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from segbench.errors import NotComparableError, SegbenchError
from segbench.measurement.assembly import assemble_profile
from segbench.measurement.host.reading import read_environment
from segbench.measurement.recording import Recording
from segbench.measurement.schedule import IN_TURNS, Pair, Rounds, Sampling
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
from segbench.measurement.workers.supervisor import Question, ask_each, try_each
from segbench.progress import Interrupted, Progress
from segbench.results.candidate import EAGER
from segbench.results.environment import Environment
from segbench.results.profile import Failure, Profile
from segbench.runtimes import can_train, find_runtime

STORED = r"[0-9a-f]{16}.*"  # what a run's folder holds, if it was killed
NO_PEAKS: MemoryReply = {
    "preparation_peak_bytes": None,
    "prepare_s": None,
    "forward_peak_bytes": None,
    "train_peak_bytes": None,
}


@dataclass
class Run:
    """What was asked for, and what is known so far.

    Attributes:
        tasks: the networks that get a profile.
        training: whether what a training step takes is wanted too.
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
    start_pools: StartsPools = start_pools
    environment: Environment = field(default_factory=read_environment)
    started_s: float = field(default_factory=time.perf_counter)
    candidates: list[Task] = field(default_factory=list)
    in_turns: frozenset[int] = frozenset()
    inspections: list[InspectionReply] = field(default_factory=list)
    memories: list[MemoryReply] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    parities: dict[int, ParityReply] = field(default_factory=dict)
    layers: LayersReply | str | None = None
    supervisor_cpu_share: float | None = None
    _stores: Path | None = None
    _prepared: dict[int, PreparationReply] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tasks = [self._with_store(task) for task in self.tasks]

    def _with_store(self, task: Task) -> Task:
        """Let the processes of a candidate share what its runtime converts, while the run lasts."""
        if find_runtime(task.candidate.runtime.name).runs_modules:
            return task
        if self._stores is None:
            stack = contextlib.ExitStack()
            self._stores = stack.enter_context(held_folder("segbench-run-", holds=STORED))
            weakref.finalize(self, stack.close)
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
        asked = {"strict": self.strict, "training": self.training}
        counts = [
            Question(replace(task, threads=1), "inspection", "inspect", asked)
            for task in self.tasks
        ]
        weighed = range(len(self.tasks)) if peaks is None else peaks
        weights = [
            Question(
                self.tasks[position],
                "memory",
                "measure",
                {"training": self.training and can_train(self.tasks[position].candidate.runtime)},
            )
            for position in weighed
        ]
        if not self.parities:
            self.try_runtimes(forgives=False)
        questions = [*weights, *counts]  # the longer ones first
        replies = ask_each(
            questions,
            at_a_time=self.environment.effective_cpus,
            progress=lambda done: self.progress("counting", done, len(questions)),
        )
        self.inspections = cast("list[InspectionReply]", replies[len(weights) :])
        self.memories = [NO_PEAKS] * len(self.tasks)
        for position, reply in zip(weighed, replies, strict=False):
            self.memories[position] = cast("MemoryReply", reply)
        for position, prepared in self._prepared.items():
            self.memories[position] = {**self.memories[position], **prepared}

    def try_runtimes(self, *, forgives: bool) -> list[Failure]:
        """Let every candidate that is not eager be prepared and compared with eager, once.

        Args:
            forgives: take candidates that fail out of the tasks, instead of raising their error.

        Returns:
            Those that failed, with their error.
        """
        failures: list[Failure] = []
        for verb in ("prepare", "parity"):
            asked = [
                at
                for at, task in enumerate(self.tasks)
                if (
                    task.store is not None
                    if verb == "prepare"
                    else task.candidate.runtime != EAGER and not task.candidate.is_graph
                )
            ]
            questions = [
                Question(self.tasks[at], "memory", "prepare")
                if verb == "prepare"
                else Question(self.tasks[at], "parity", "measure")
                for at in asked
            ]

            def show(done: int, total: int = len(questions)) -> None:
                self.progress("preparing runtimes", done, total)

            replies = try_each(
                questions,
                at_a_time=self.environment.effective_cpus,
                progress=show,
                stops=not forgives,
            )
            failed = {
                at: reply
                for at, reply in zip(asked, replies, strict=True)
                if isinstance(reply, SegbenchError)
            }
            if failed and not forgives:
                raise failed[min(failed)]
            found = {
                at: reply for at, reply in zip(asked, replies, strict=True) if at not in failed
            }
            if verb == "prepare":
                self._prepared = cast("dict[int, PreparationReply]", found)
            else:
                self.parities = cast("dict[int, ParityReply]", found)
            failures += [
                Failure(self.tasks[at].label, type(error).__name__, str(error))
                for at, error in failed.items()
            ]
            self._leave_out(failed)
        return failures

    def _leave_out(self, positions: Collection[int]) -> None:
        """Take tasks out, and what is known of them."""
        kept = [at for at in range(len(self.tasks)) if at not in positions]
        self.tasks = [self.tasks[at] for at in kept]
        self._prepared = {
            new: self._prepared[at] for new, at in enumerate(kept) if at in self._prepared
        }
        self.parities = {
            new: self.parities[at] for new, at in enumerate(kept) if at in self.parities
        }

    def _is_trained(self, task: Task) -> bool:
        """Tell whether a training step can be timed, by what was found out about the network."""
        # Neither the reference workload is inspected, nor what a search times.
        if task not in self.tasks or not self.is_inspected:
            return True
        position = self.tasks.index(task)
        withheld = {
            **self.inspections[position]["withheld"],
            **self.memories[position].get("withheld", {}),
        }
        return "training" not in withheld

    def check_classes(self) -> None:
        """Refuse networks that do not do the same work."""
        first = self.inspections[0]
        for inspection, task in zip(self.inspections, self.tasks, strict=True):
            if inspection["classes"] != first["classes"]:
                raise NotComparableError(
                    f"cannot compare {task.label} with {self.tasks[0].label}: classes differ "
                    f"({inspection['classes']} and {first['classes']}); give all the same classes"
                )

    def time(
        self,
        pairs: Sequence[Pair],
        *,
        most: int,
        seed: int,
        plan: tuple[Sampling, ...] = IN_TURNS,
        more_candidates: Sequence[Task] = (),
        enough: Callable[[int], bool] | None = None,
    ) -> None:
        """Measure the tasks, and more candidates after them; only here must the machine be quiet.

        Args:
            pairs: positions among the tasks and the candidates after them.
            most: rounds at most.
            enough: told the number of finished rounds; whether to stop.
        """
        self.candidates = [*self.tasks, *map(self._with_store, more_candidates)]
        self.in_turns = frozenset(candidate for pair in pairs if pair[1:] for candidate in pair)
        self.recordings = [Recording() for _ in self.candidates]
        training = any(sampling.work == "training" for sampling in plan)
        wall, cpu = time.perf_counter(), time.process_time()
        Rounds(
            tasks=self.candidates,
            pairs=pairs,
            most=most,
            seed=seed,
            start_pools=partial(self.start_pools, self.candidates, training=training),
            plan=plan,
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
        """Return a profile for each network that was inspected."""
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
        ]

    @contextmanager
    def interruptible(self, so_far: Callable[[], Any]) -> Iterator[None]:
        """Turn Ctrl-C into an error that carries what is known by then."""
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(so_far() if self.is_inspected else None) from None
