"""Measure a baseline: networks and the reference workload, in turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from segbench.budgets.pairs import reference_task
from segbench.errors import UsageError
from segbench.measurement.run import Run
from segbench.measurement.settings import Settings
from segbench.progress import Progress, ignore_progress, timestamp
from segbench.results.baseline import Baseline
from segbench.results.candidate import Candidate
from segbench.results.workload import Workload
from zoo.allowed import check_allowed
from zoo.spec import ModelSpec

# Processes of one network differ by some per cent, and what is kept is held against for long.
DEFAULT_ROUNDS = 10


def measure_baseline(
    models: Sequence[str | ModelSpec | Candidate],
    settings: Settings,
    *,
    progress: Progress = ignore_progress,
) -> Baseline:
    """Measure networks to hold later runs against.

    Raises:
        UsageError: a model, or a value, is not one that can be measured.
        NotComparableError: the networks have different class counts.
        MeasurementError: a network failed, or its process died.
        Interrupted: Ctrl-C; a baseline is kept whole or not at all, so that it carries none.
    """
    tasks = settings.tasks(models)
    run = Run(tasks, settings.describe_input(), progress, settings.strict)
    with run, run.interruptible(lambda: None):
        run.inspect()
        run.check_classes()
        run.time(
            [(candidate, len(tasks)) for candidate in range(len(tasks))],
            most=settings.repeats,
            seed=settings.workload.seed,
            more_candidates=[reference_task(settings)],
        )
    return Baseline(
        profiles=tuple(run.profiles(complete=True)),
        reference=run.recordings[-1].latencies(),
        created=timestamp(),
    )


def measure_again(
    before: Baseline, *, repeats: int = DEFAULT_ROUNDS, progress: Progress = ignore_progress
) -> Baseline:
    """Measure the networks of a baseline under its workload, on this machine as it is now.

    Raises:
        ForbiddenImportError: it names a network that nobody has allowed it to import.
        UsageError: the baseline was made with a picture, whose place it does not know.
    """
    workload = before.profiles[0].workload
    if workload.input != "noise":
        name = workload.input.partition(" ")[0]
        raise UsageError(
            f"the baseline was made with the picture {name!r}, and does not know where it is; "
            "save it again with: segbench baseline save MODEL --input IMAGE --force"
        )
    asked = {field.name: getattr(workload, field.name) for field in fields(Workload)}
    settings = Settings(
        # Each network has its own class count.
        workload=Workload(**{**asked, "classes": None}),
        threads=workload.threads.requested,
        repeats=repeats,
    )
    candidates = [
        replace(profile.candidate or Candidate(profile.model.spec), spec=profile.model.spec)
        for profile in before.profiles
    ]
    for candidate in candidates:
        check_allowed(candidate.spec.name, source="the baseline")
    return measure_baseline(candidates, settings, progress=progress)
