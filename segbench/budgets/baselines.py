"""Measure a baseline: networks and the reference workload, in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence

from segbench.budgets.baseline import Baseline
from segbench.budgets.contests import reference_task
from segbench.errors import UsageError
from segbench.rounds import Progress
from segbench.runs import Run, ignore_progress
from segbench.settings import Settings
from zoo.spec import ModelSpec

# Processes of one network differ by some per cent, and what is kept is held against for long.
DEFAULT_ROUNDS = 10


def measure_baseline(
    models: Sequence[str | ModelSpec],
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
    with run.interruptible(lambda: None):
        run.inspect()
        run.check_classes()
        run.time(
            [(arm, len(tasks)) for arm in range(len(tasks))],
            most=settings.repeats,
            seed=settings.seed,
            more_arms=[reference_task(settings)],
        )
    return Baseline(
        profiles=tuple(run.profiles(complete=True)),
        reference=run.recordings[-1].latencies(),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def measure_again(
    before: Baseline, *, repeats: int = DEFAULT_ROUNDS, progress: Progress = ignore_progress
) -> Baseline:
    """Measure the networks of a baseline under its workload, on this machine as it is now.

    Raises:
        UsageError: the baseline was made with a picture, whose place it does not know.
    """
    workload = before.profiles[0].workload
    if workload.input != "noise":
        name = workload.input.partition(" ")[0]
        raise UsageError(
            f"the baseline was made with the picture {name!r}, and does not know where it is; "
            "save it again with: segbench baseline save MODEL --input IMAGE --force"
        )
    settings = Settings(
        threads=workload.threads.requested,
        batch=workload.batch,
        size=(workload.height, workload.width),
        device=workload.device,
        runtime=workload.runtime,
        allocator=workload.allocator,
        repeats=repeats,
        seed=workload.seed,
    )
    models = [profile.model.spec for profile in before.profiles]
    return measure_baseline(models, settings, progress=progress)
