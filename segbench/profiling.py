"""Profile one network, or compare several in one interleaved run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from segbench.comparison import check_comparable, make_ratios
from segbench.measuring import Question, ask_once
from segbench.pairs import paired_ratios
from segbench.results import Allocator, Comparison, Device, Latencies, Profile
from segbench.rounds import ALONE, IN_TURNS, Progress, Sampling
from segbench.runs import Run, ignore_progress
from segbench.settings import Settings, read_spec
from segbench.statistics import ratio_interval
from zoo.registry import models as zoo_models
from zoo.spec import ModelSpec

MOST_ROUNDS = 200  # that a comparison adds, whatever its time; a result must fit in memory
LEAST_ROUNDS = 3
# What a comparison takes where nothing is asked for: three rounds, and more until a minute for two
# networks, and another for each further one, are used up. Two small networks get about ten of
# them, the five of the zoo four.
SOON_S = 60.0
DEFAULT_MAX_TIME_S = 600.0


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
    training: bool = True,
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
        training: also time and weigh a training step.
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
    run = Run(settings.tasks([model]), settings.describe_input(), progress, strict, training)
    with run.interruptible(lambda: run.profiles(complete=False)[0]):
        run.inspect()
        run.time([(0,)], plan=_plan(ALONE, training=training), most=repeats, seed=seed)
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
    repeats: int | None = None,
    precision: float | None = None,
    max_time_s: float | None = None,
    seed: int = 0,
    training: bool = True,
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
        repeats: rounds of fresh processes; with one of the two that follow, the least of them.
        precision: add rounds until half the width of the interval of every ratio of forward
            latencies is at most this share of it, or ten minutes have passed.
        max_time_s: add rounds until the next would end after so many seconds.

    With none of the three there are three rounds at least, and more until a minute is used up for
    two networks, and another for each further one.

    The other arguments, and what is raised, are those of :func:`profile`.

    Raises:
        NotComparableError: the networks have different class counts.

    >>> import segbench
    >>> result = segbench.compare(["segfast-basic", "segfast"], size=(64, 64), repeats=1)
    >>> [round(ratio.ratio, 2) for ratio in result.ratios if ratio.metric == "params"]
    [4.92]
    """
    least = LEAST_ROUNDS if repeats is None else repeats
    settings = Settings(
        threads, batch, size, classes, input, device, runtime, allocator, least, seed, strict
    )
    specs = [read_spec(model) for model in (zoo_models() if models is None else models)]
    tasks = settings.tasks(specs)
    base = _choose_baseline(specs, baseline)
    if base not in specs:
        specs.append(base)
        tasks.append(settings.task(base))
    if repeats is None and precision is None and max_time_s is None:
        max_time_s = SOON_S * max(1, len(specs) - 1)
    position = specs.index(base)
    contests = [(arm, position) for arm in range(len(tasks) + 1) if arm != position]
    run = Run(tasks, settings.describe_input(), progress, strict, training)
    with run.interruptible(lambda: _comparison(run, position, complete=False)):
        run.inspect()
        run.check_classes()
        run.time(
            contests,
            most=least if precision is None and max_time_s is None else MOST_ROUNDS,
            seed=seed,
            plan=_plan(IN_TURNS, training=training),
            more_arms=[tasks[position]],
            enough=_until(run, contests, least=least, precision=precision, max_time_s=max_time_s),
        )
    return _comparison(run, position, complete=True)


def _plan(full: tuple[Sampling, ...], *, training: bool) -> tuple[Sampling, ...]:
    return tuple(sampling for sampling in full if training or sampling.work != "training")


def _until(
    run: Run,
    contests: Sequence[tuple[int, int]],
    *,
    least: int,
    precision: float | None,
    max_time_s: float | None,
) -> Callable[[int], bool] | None:
    """Return what ends a run: intervals that are narrow enough, or the time that is used up."""
    if precision is None and max_time_s is None:
        return None
    limit_s = DEFAULT_MAX_TIME_S if max_time_s is None else max_time_s
    ended_s = run.elapsed_s

    def enough(rounds: int) -> bool:
        nonlocal ended_s
        round_s, ended_s = run.elapsed_s - ended_s, run.elapsed_s
        if rounds < least:
            return False
        if run.elapsed_s + round_s > limit_s:
            return True
        return precision is not None and all(
            _relative_half_width(run, contest) <= precision for contest in contests
        )

    return enough


def _relative_half_width(run: Run, contest: tuple[int, int]) -> float:
    """Return half the width of the interval of a ratio of forward latencies, as a share of it."""
    candidate, baseline = (run.recordings[arm].phases["forward"] for arm in contest)
    interval = ratio_interval(paired_ratios(candidate, baseline))
    return math.inf if interval is None else math.sqrt(interval[1] / interval[0]) - 1


def _comparison(run: Run, position: int, *, complete: bool) -> Comparison:
    """Return the comparison with the model at this position as baseline."""
    profiles = run.profiles(complete=complete)
    baseline = profiles[position]
    for candidate in profiles:
        check_comparable(baseline, candidate)
    timed = len(run.recordings) > len(run.tasks)
    control = run.recordings[-1].latencies() if timed else Latencies()
    return Comparison(
        baseline=baseline.model.label,
        profiles=tuple(profiles),
        ratios=make_ratios(profiles, baseline, control),
        control=control,
        complete=complete,
        created=profiles[0].created,
    )


def _choose_baseline(specs: Sequence[ModelSpec], baseline: str | ModelSpec | None) -> ModelSpec:
    if baseline is not None:
        return read_spec(baseline)
    return next((spec for spec in specs if str(spec) == "segfast"), specs[0])
