"""Runtimes tried on one small network: which of them are broken on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from segbench.measurement.assembly import judge_parity
from segbench.measurement.run import Run
from segbench.measurement.settings import Settings
from segbench.progress import Progress, ignore_progress
from segbench.results.candidate import EAGER, RuntimeSpec

SIZE = (64, 64)


def find_broken(
    runtimes: Sequence[RuntimeSpec],
    *,
    model: str = "segfast",
    size: tuple[int, int] = SIZE,
    progress: Progress = ignore_progress,
) -> dict[RuntimeSpec, str]:
    """Prepare a network in each runtime, compare it with eager, and say what went wrong.

    Nothing is timed. A crash, a minute without an answer and a missing operator cost one line each;
    so does what computes something else.

    Args:
        runtimes: with their precisions, eager in single precision not among them.
    """
    settings = Settings.of(size=size)
    network = settings.candidate(model)
    tasks = settings.tasks([replace(network, runtime=each) for each in (EAGER, *runtimes)])
    found = {}
    with Run(tasks, settings.describe_input(), progress, training=False) as run:
        run.baseline = 0  # the others may fail
        run.try_runtimes()
        for at, runtime in enumerate(runtimes, 1):
            if at in run.failures:
                found[runtime] = run.failures[at].reason
            elif at in run.parities:
                parity = judge_parity(run.parities[at], runtime, images=run.parities[at]["images"])
                if not parity.is_right:
                    found[runtime] = f"wrong: {parity.describe()}"
    return found
