"""Profile one network, or compare several in one interleaved run."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from segbench.errors import NotComparableError, NotInstalledError, UsageError
from segbench.measurement.run import Run
from segbench.measurement.schedule import ALONE, IN_TURNS, Pair, Sampling
from segbench.measurement.settings import Settings, thread_counts
from segbench.measurement.workers.replies import LayersReply
from segbench.measurement.workers.supervisor import Question, ask_once
from segbench.progress import Progress, ignore_progress
from segbench.results.candidate import (
    EAGER,
    HEADS,
    Candidate,
    RuntimeSpec,
    names_head,
    names_runtime,
    split_runtime,
    with_head,
)
from segbench.results.comparison import check_comparable, make_ratios
from segbench.results.profile import Comparison, Failure, Latencies, Profile
from segbench.results.samples import paired_ratios
from segbench.results.statistics import ratio_interval
from segbench.results.workload import Allocator, Device
from segbench.runtimes import check_runtime
from segbench.runtimes.choices import ALL, choose_runtimes, fill
from zoo.registry import PAPER_TAG
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
    model: str | ModelSpec | Candidate,
    *,
    threads: int | None = None,
    batch: int = 1,
    size: tuple[int, int] = (224, 224),
    classes: int | None = None,
    input: str | Path | None = None,  # noqa: A002 - the command's option has this name
    device: Device = "cpu",
    runtime: str = "eager",
    precision: str = "fp32",
    head: str = HEADS[0],
    allocator: Allocator = "steady",
    repeats: int = 3,
    seed: int = 0,
    layers: bool = False,
    training: bool = True,
    strict: bool = False,
    channels: int = 3,
    logits: str | None = None,
    enlarge: bool = True,
    progress: Progress = ignore_progress,
) -> Profile:
    """Measure what one network costs on this machine.

    Args:
        model: a name of the zoo, ``package.module:builder``, or a path of a JSON file, with
            options: ``segfast,stem_width=48``. A runtime may follow, and is used in place of the
            one below: ``segfast@eager,threads=2``.
        threads: threads within an operator; as many as there are effective CPUs by default.
        batch: images in a batch.
        size: height and width in pixels.
        classes: channels of the logits, 22 if neither this nor the model says otherwise.
        input: a picture to use instead of seeded noise.
        device: ``cpu`` or ``cuda``.
        runtime: what executes the network's inference, with options: ``eager``.
        precision: what it computes with: ``fp32`` or ``bf16``.
        head: the form in which logits are handed out: ``logits``, ``logits-nhwc``, ``argmax`` or
            ``argmax-strided``.
        allocator: ``steady`` keeps freed memory for the next call; ``system`` is as untuned.
        repeats: rounds of fresh processes.
        seed: of weights, noise, and the order of measuring.
        layers: also time every leaf module, or every layer that the runtime's engine executes.
        training: also time and weigh a training step.
        strict: refuse a network with operators that have no counting rule.
        channels: of the input; a picture has 3.
        logits: the key, attribute or position of the network's output that holds the logits, where
            that cannot be guessed.
        enlarge: enlarge logits of a lower resolution to the input's size, as a part of the network.
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
    settings = Settings.of(
        threads=threads,
        batch=batch,
        size=size,
        classes=classes,
        input=input,
        device=device,
        allocator=allocator,
        repeats=repeats,
        seed=seed,
        strict=strict,
        channels=channels,
        logits=logits,
        enlarge=enlarge,
    )
    is_said = isinstance(model, str) and names_runtime(model)
    runtimes = [EAGER] if is_said else choose_runtimes(runtime, precision, head)
    candidates = _in_runtimes(settings, model, runtimes, precision, head)
    if len(candidates) > 1:
        raise UsageError(
            f"{str(model)!r} would be measured in several runtimes, precisions or heads "
            f"({', '.join(str(each.runtime) for each in candidates)}); compare takes several"
        )
    run = Run(settings.tasks(candidates), settings.describe_input(), progress, strict, training)
    with run, run.interruptible(lambda: run.profiles(complete=False)[0]):
        run.inspect()
        run.time([(0,)], plan=_plan(ALONE, training=training), most=repeats, seed=seed)
        if layers:
            progress("timing layers", 1, 1)
            try:
                reply = ask_once(Question(run.tasks[0], "layers", "measure"))
                run.layers = cast("LayersReply", reply)
            except UsageError as error:
                run.layers = str(error)
    return run.profiles(complete=True)[0]


def compare(
    models: Sequence[str | ModelSpec | Candidate] | None = None,
    *,
    baseline: str | ModelSpec | Candidate | None = None,
    threads: int | Sequence[int] | str | None = None,
    batch: int = 1,
    size: tuple[int, int] = (224, 224),
    classes: int | None = None,
    input: str | Path | None = None,  # noqa: A002 - the command's option has this name
    device: Device = "cpu",
    runtime: str = "eager",
    precision: str = "fp32",
    head: str = HEADS[0],
    allocator: Allocator = "steady",
    repeats: int | None = None,
    interval: float | None = None,
    max_time_s: float | None = None,
    seed: int = 0,
    training: bool = True,
    strict: bool = False,
    channels: int = 3,
    logits: str | None = None,
    enlarge: bool = True,
    progress: Progress = ignore_progress,
) -> Comparison:
    """Measure several networks in turns, and the baseline twice.

    The baseline is measured by two processes in every round, as if it were two networks. How far
    their ratio is from 1 is the floor of noise below which no other ratio says anything.

    Args:
        models: as for :func:`profile`; the paper's five networks if None.
        threads: of models that name none: one number, several, or ``all``: 1, 2, 4 and so on up to
            the effective CPUs.
        runtime: of models that name none; several with commas between, or ``all`` that are
            there are. Where there are several, a candidate that fails, or whose runtime is not
            installed, is told of in ``failures``.
        precision: of models that name none; several with commas between, or ``all``.
        head: of models that name none; several with commas between, or ``all``.
        baseline: the model that the ratios are over; ``segfast`` if it is among the models, else
            the first. One that is not among the models is added.
        repeats: rounds of fresh processes; with one of the two that follow, the least of them.
        interval: add rounds until half the width of the interval of every ratio of forward
            latencies is at most this share of it, or ten minutes have passed.
        max_time_s: add rounds until the next would end after so many seconds.

    With none of the three there are three rounds at least, and more until a minute is used up for
    two networks, and another for each further one.

    The other arguments, and what is raised, are those of :func:`profile`.

    Raises:
        NotComparableError: the networks have different class counts, or different heads and
            neither a list of heads nor a head in a model's text asks for that.

    >>> import segbench
    >>> result = segbench.compare(["segfast-basic", "segfast"], size=(64, 64), repeats=1)
    >>> [round(ratio.ratio, 2) for ratio in result.ratios if ratio.metric == "params"]
    [4.92]
    """
    least = LEAST_ROUNDS if repeats is None else repeats
    counts = thread_counts(threads)
    settings = Settings.of(
        threads=counts[0] if len(counts) == 1 else None,
        batch=batch,
        size=size,
        classes=classes,
        input=input,
        device=device,
        allocator=allocator,
        repeats=least,
        seed=seed,
        strict=strict,
        channels=channels,
        logits=logits,
        enlarge=enlarge,
    )
    named = zoo_models(tag=PAPER_TAG) if models is None else models
    runtimes = choose_runtimes(runtime, precision, head, absent=True)
    candidates = [
        each
        for model in named
        for candidate in _in_runtimes(settings, model, runtimes, precision, head)
        for each in _with_threads(candidate, counts)
    ]
    _check_heads([*named, *([] if baseline is None else [baseline])], candidates, head)
    base = (
        _choose_baseline(candidates)
        if baseline is None
        else _in_runtimes(settings, baseline, runtimes, precision, head)[0]
    )
    if base not in candidates:
        candidates.append(base)
    absent = _find_absent(candidates, needed=base)
    tasks = settings.tasks([each for each in candidates if each not in absent])
    position = [task.candidate for task in tasks].index(base)
    run = Run(tasks, settings.describe_input(), progress, strict, training)
    if len({each.runtime for each in candidates}) > 1:
        run.baseline = position
    is_of_all = ALL in {runtime.strip(), precision.strip()}
    own = {base, *(settings.candidate(each) for each in named if _names_its_runtime(each))}
    unnamed = _others_than(own, candidates) if is_of_all else []

    def result(*, complete: bool) -> Comparison:
        found = [*absent.values(), *(run.failures[at] for at in sorted(run.failures))]
        return _comparison(
            run,
            position,
            [replace(each, is_named=each.model not in unnamed) for each in found],
            complete=complete,
        )

    with run, run.interruptible(lambda: result(complete=False)):
        run.inspect()
        run.check_classes()
        others = [at for at in range(len(tasks)) if at != position and at not in run.failures]
        if repeats is None and interval is None and max_time_s is None:
            max_time_s = SOON_S * max(1, len(others))
        pairs: list[Pair] = [(candidate, position) for candidate in [*others, len(tasks)]]
        run.time(
            pairs,
            most=least if interval is None and max_time_s is None else MOST_ROUNDS,
            seed=seed,
            plan=_plan(IN_TURNS, training=training),
            more_candidates=[tasks[position]],
            enough=_until(run, pairs, least=least, interval=interval, max_time_s=max_time_s),
        )
    return result(complete=True)


def _plan(full: tuple[Sampling, ...], *, training: bool) -> tuple[Sampling, ...]:
    return tuple(sampling for sampling in full if training or sampling.work != "training")


def _until(
    run: Run,
    pairs: Sequence[Pair],
    *,
    least: int,
    interval: float | None,
    max_time_s: float | None,
) -> Callable[[int], bool] | None:
    """Return what ends a run: intervals that are narrow enough, or the time that is used up."""
    if interval is None and max_time_s is None:
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
        return interval is not None and all(
            _relative_half_width(run, pair) <= interval for pair in pairs
        )

    return enough


def _relative_half_width(run: Run, pair: Pair) -> float:
    """Return half the width of the interval of a ratio of forward latencies, as a share of it."""
    candidate, baseline = (run.recordings[candidate].phases["forward"] for candidate in pair)
    interval = ratio_interval(paired_ratios(candidate, baseline))
    return math.inf if interval is None else math.sqrt(interval[1] / interval[0]) - 1


def _comparison(
    run: Run, position: int, failures: Sequence[Failure], *, complete: bool
) -> Comparison:
    """Return the comparison with the model at this position as baseline."""
    profiles = run.profiles(complete=complete)
    baseline = profiles[position - sum(failed < position for failed in run.failures)]
    for candidate in profiles:
        check_comparable(baseline, candidate)
    timed = len(run.recordings) > len(run.tasks)
    control = run.recordings[-1].latencies() if timed else Latencies()
    return Comparison(
        baseline=baseline.label,
        profiles=tuple(profiles),
        ratios=make_ratios(profiles, baseline, control),
        control=control,
        failures=tuple(failures),
        complete=complete,
        created=profiles[0].created,
    )


def _find_absent(candidates: Sequence[Candidate], *, needed: Candidate) -> dict[Candidate, Failure]:
    """Return the candidates whose runtime is not installed, and what is said of each.

    Raises:
        NotInstalledError: that of the candidate that is needed is not.
    """
    found = {}
    for candidate in candidates:
        try:
            check_runtime(candidate.runtime)
        except NotInstalledError as error:
            if candidate == needed:
                raise
            found[candidate] = Failure(str(candidate), UsageError.__name__, str(error))
    return found


def _others_than(own: Collection[Candidate], candidates: Sequence[Candidate]) -> list[str]:
    """Return those whose runtime nobody named; a network that was named is named in eager."""
    return [
        str(each)
        for each in candidates
        if each not in own and replace(each.runtime, options={}) != EAGER
    ]


def _names_its_runtime(model: str | ModelSpec | Candidate) -> bool:
    return isinstance(model, Candidate) or (isinstance(model, str) and names_runtime(model))


def _in_runtimes(
    settings: Settings,
    model: str | ModelSpec | Candidate,
    runtimes: Sequence[RuntimeSpec],
    precision: str,
    head: str,
) -> list[Candidate]:
    """Return a model in each runtime, or in its own where it names one.

    Args:
        precision: of one that names a runtime without it; `head` likewise.
    """
    found = settings.candidate(model)
    named = split_runtime(model)[1] if isinstance(model, str) else None
    if isinstance(model, Candidate) or (found.is_graph and named):
        return [found]
    if found.is_graph and {each.name for each in runtimes} == {EAGER.name}:
        # No graph file runs in eager, which is meant where nothing is said.
        return [replace(found, runtime=each) for each in fill(found.runtime, "", precision, head)]
    chosen = runtimes if named is None else fill(found.runtime, named, precision, head)
    return [replace(found, runtime=each) for each in chosen]


def _with_threads(candidate: Candidate, counts: Sequence[int]) -> list[Candidate]:
    """Return a candidate with each of several thread counts, or with its own where it has one."""
    if len(counts) < 2 or candidate.threads is not None:  # noqa: PLR2004 - one is the run's
        return [candidate]
    return [replace(candidate, threads=count) for count in counts]


def _check_heads(
    named: Sequence[str | ModelSpec | Candidate], candidates: Sequence[Candidate], head: str
) -> None:
    """Refuse candidates with different heads where nobody has asked for that.

    Raises:
        NotComparableError: a model that names its runtime has another head than the others.
    """
    first = candidates[0]
    other = next((each for each in candidates if each.runtime.head != first.runtime.head), None)
    is_asked = len(head.split(",")) > 1 or any(
        isinstance(model, Candidate) or (isinstance(model, str) and names_head(model))
        for model in named
    )
    if other is not None and not is_asked:
        raise NotComparableError(
            f"cannot compare {other.label} with {first.label}: heads differ "
            f"({other.runtime.head} and {first.runtime.head}); name the head of each, as in "
            f"'{with_head(other, first.runtime.head)}'"
        )


def _choose_baseline(candidates: Sequence[Candidate]) -> Candidate:
    """Return segfast, where it is one of them, else the first."""
    return next((each for each in candidates if str(each) == "segfast"), candidates[0])
