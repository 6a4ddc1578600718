"""Profile one network, or compare several in one interleaved run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from segbench.assembling import assemble_profile
from segbench.comparison import check_comparable, make_ratios
from segbench.environment import read_environment
from segbench.errors import NotComparableError
from segbench.machine import Environment
from segbench.measuring import Question, ask_each, ask_once, close_workers, open_workers
from segbench.protocol import Task
from segbench.recording import Recording
from segbench.results import Allocator, Comparison, Device, Latencies, Profile
from segbench.rounds import Progress, Rounds
from segbench.settings import Settings, read_spec
from zoo.registry import models as zoo_models
from zoo.spec import ModelSpec


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a measurement.

    Attributes:
        partial: what was measured until then, marked as not complete; None if nothing was.
    """

    def __init__(self, partial: Profile | Comparison | None) -> None:
        super().__init__("interrupted")
        self.partial = partial


def ignore_progress(_doing: str, _done: int, _total: int) -> None:
    """Show nothing."""


def profile(
    model: str | ModelSpec,
    *,
    threads: int | None = None,
    batch: int = 1,
    size: tuple[int, int] = (224, 224),
    classes: int | None = None,
    input: str | Path | None = None,  # noqa: A002 - the command's option has this name
    device: Device = "cpu",
    runtime: str = "eager",
    allocator: Allocator = "steady",
    repeats: int = 3,
    seed: int = 0,
    layers: bool = False,
    strict: bool = False,
    progress: Progress = ignore_progress,
) -> Profile:
    """Measure what one network costs on this machine.

    Args:
        model: a name of the zoo, ``package.module:builder``, or a path of a JSON file, with
            options: ``segfast,stem=48``.
        threads: threads within an operator; as many as there are effective CPUs by default.
        batch: images in a batch.
        size: height and width in pixels.
        classes: channels of the logits, 22 if neither this nor the model says otherwise.
        input: a picture to use instead of seeded noise.
        device: ``cpu`` or ``cuda``.
        runtime: what executes the network.
        allocator: ``steady`` keeps freed memory for the next call; ``system`` is as untuned.
        repeats: rounds of fresh processes.
        seed: of weights, noise, and the order of measuring.
        layers: also time every leaf module.
        strict: refuse a network with operators that have no counting rule.
        progress: called with what is being done, steps done, and steps in all.

    Raises:
        UsageError: the model, or a value, is not one that can be measured.
        MeasurementError: the network failed, or its process died.
        Interrupted: Ctrl-C; it carries what was measured.

    >>> import segbench
    >>> result = segbench.profile("segfast", size=(64, 64), repeats=1)
    >>> result.params
    603288
    >>> result.latency.forward.p50_s > 0
    True
    """
    settings = Settings(
        threads, batch, size, classes, input, device, runtime, allocator, repeats, seed, strict
    )
    run = _Run(settings, settings.tasks([model]), progress)
    with run.interruptible(run.partial_profile):
        run.inspect()
        run.time(run.tasks)
        if layers:
            progress("timing layers", 1, 1)
            run.layers = ask_once(Question(run.tasks[0], "layers", "measure"))
    return run.profiles(complete=True)[0]


def compare(
    models: Sequence[str | ModelSpec] | None = None,
    *,
    baseline: str | ModelSpec | None = None,
    threads: int | None = None,
    batch: int = 1,
    size: tuple[int, int] = (224, 224),
    classes: int | None = None,
    input: str | Path | None = None,  # noqa: A002 - the command's option has this name
    device: Device = "cpu",
    runtime: str = "eager",
    allocator: Allocator = "steady",
    repeats: int = 3,
    seed: int = 0,
    strict: bool = False,
    progress: Progress = ignore_progress,
) -> Comparison:
    """Measure several networks in turns, and the baseline twice.

    The baseline is measured by two processes in every round, as if it were two networks. How far
    their ratio is from 1 is the floor of noise below which no other ratio says anything.

    Args:
        models: as for :func:`profile`; the five networks of the zoo if None.
        baseline: the model that the ratios are over; ``segfast`` if it is among the models, else
            the first. One that is not among the models is added.

    The other arguments, and what is raised, are those of :func:`profile`.

    Raises:
        NotComparableError: the networks have different class counts.

    >>> import segbench
    >>> result = segbench.compare(["segfast-basic", "segfast"], size=(64, 64), repeats=1)
    >>> [round(ratio.ratio, 2) for ratio in result.ratios if ratio.metric == "params"]
    [4.92]
    """
    settings = Settings(
        threads, batch, size, classes, input, device, runtime, allocator, repeats, seed, strict
    )
    specs = [read_spec(model) for model in (zoo_models() if models is None else models)]
    tasks = settings.tasks(specs)
    base = _choose_baseline(specs, baseline)
    if base not in specs:
        specs.append(base)
        tasks.append(settings.task(base))
    position = specs.index(base)
    run = _Run(settings, tasks, progress)

    def partial_comparison() -> Comparison:
        return run.comparison(position, complete=False)

    with run.interruptible(partial_comparison):
        run.inspect()
        run.check_classes()
        run.time([*run.tasks, run.tasks[position]])
    return run.comparison(position, complete=True)


def _choose_baseline(specs: Sequence[ModelSpec], baseline: str | ModelSpec | None) -> ModelSpec:
    if baseline is not None:
        return read_spec(baseline)
    return next((spec for spec in specs if str(spec) == "segfast"), specs[0])


@dataclass
class _Run:
    """One run in progress: what was asked, and what is known so far."""

    settings: Settings
    tasks: list[Task]
    progress: Progress
    environment: Environment = field(default_factory=read_environment)
    input_name: str = ""
    inspections: list[dict[str, Any]] = field(default_factory=list)
    memories: list[dict[str, Any]] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    layers: dict[str, Any] | None = None
    supervisor_cpu_share: float | None = None

    def __post_init__(self) -> None:
        self.input_name = self.settings.describe_input()

    def inspect(self) -> None:
        """Find what needs no quiet machine: counts and peak memory, each in a fresh process."""
        strict = {"strict": self.settings.strict}
        questions = [
            question
            for task in self.tasks
            for question in (
                Question(replace(task, threads=1), "inspection", "inspect", strict),
                Question(task, "memory", "measure"),
            )
        ]
        replies = ask_each(
            questions,
            at_a_time=self.environment.effective_cpus,
            progress=lambda done: self.progress("counting", done, len(questions)),
        )
        self.inspections, self.memories = replies[0::2], replies[1::2]

    def check_classes(self) -> None:
        """Refuse networks that do not do the same work."""
        first = self.inspections[0]
        for inspection, task in zip(self.inspections, self.tasks, strict=True):
            if inspection["classes"] != first["classes"]:
                raise NotComparableError(
                    f"cannot compare {task.name} with {self.tasks[0].name}: classes differ "
                    f"({inspection['classes']} and {first['classes']}); give all the same classes"
                )

    def time(self, arms: list[Task]) -> None:
        """Measure the arms in turns; only here must the machine be quiet."""
        self.recordings = [Recording() for _ in arms]
        wall, cpu = time.perf_counter(), time.process_time()
        Rounds(
            tasks=arms,
            count=self.settings.repeats,
            seed=self.settings.seed,
            open_workers=partial(open_workers, instrument="timing"),
            close_workers=close_workers,
            ahead=len(arms) == 1,
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
            )
            for task, inspection, memory, recording in zip(
                self.tasks, self.inspections, self.memories, recordings, strict=False
            )
        ]

    def partial_profile(self) -> Profile:
        """Return the profile as far as it is known."""
        return self.profiles(complete=False)[0]

    def comparison(self, position: int, *, complete: bool) -> Comparison:
        """Return the comparison with the model at this position as baseline."""
        profiles = self.profiles(complete=complete)
        baseline = profiles[position]
        for candidate in profiles:
            check_comparable(baseline, candidate)
        timed = len(self.recordings) > len(self.tasks)
        seed = self.settings.seed
        control = self.recordings[-1].latencies(seed=seed) if timed else Latencies()
        return Comparison(
            baseline=baseline.model.label,
            profiles=tuple(profiles),
            ratios=make_ratios(profiles, baseline, control, seed=seed),
            control=control,
            complete=complete,
            created=profiles[0].created,
        )

    @contextmanager
    def interruptible(self, so_far: Callable[[], Profile | Comparison]) -> Iterator[None]:
        """Turn Ctrl-C into an error that carries what is known by then."""
        try:
            yield
        except KeyboardInterrupt:
            known = len(self.memories) == len(self.tasks)
            raise Interrupted(so_far() if known else None) from None
