"""``segbench profile``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from segbench.cli import options
from segbench.cli.options import Model, with_workload
from segbench.errors import ExitCode


@with_workload
def profile(
    model: Model,
    *,
    workload: dict[str, Any],
    repeats: options.Repeats = 3,
    seed: options.Seed = 0,
    training: options.Training = True,
    strict: options.Strict = False,
    layers: Annotated[
        bool,
        typer.Option(
            "--layers",
            help="Also time every layer, against what this machine can do at best.",
        ),
    ] = False,
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
    allow_import: options.AllowImport = None,
) -> int:
    """Measure one network: size, work, peak memory, and the latency of each phase."""
    from segbench.cli.output import Target, measure
    from segbench.measurement import profile as profiling
    from segbench.results.profile import Profile

    finished = measure(
        Target(format, output, force=force, kind=Profile),
        lambda progress: profiling.profile(
            model,
            **workload,
            repeats=repeats,
            seed=seed,
            training=training,
            strict=strict,
            layers=layers,
            progress=progress,
        ),
    )
    return ExitCode.OK if finished else ExitCode.INTERRUPTED
