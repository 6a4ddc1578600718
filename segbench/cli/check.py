"""``segbench check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from segbench.cli import options
from segbench.cli.options import with_workload
from segbench.errors import ExitCode

Limits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        help="Judge this limit on every MODEL: 'params <= 603288', 'latency.forward.p50_s <= "
        "40 ms', '... <= 0.25 * segnet', '... <= 0.6 * segfast@eager', '... <= 1.05 * baseline', "
        "'... <= 2 * reference'; with "
        "'+ 3 %' of tolerance. May be given several times.",
        metavar="LIMIT",
        show_default=False,
    ),
]


@with_workload
def check(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Networks that --limit, or --against, is about; written as for profile.",
            callback=options.all_named,
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        Path | None,
        typer.Option(
            help="Judge the limits of this file. [default: budgets.toml, if no model is named]",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    limit: Limits = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Measure the working tree and this git revision in turns: 'baseline' in a limit "
            "is the revision. [default limit: forward at most 3 % slower]",
            metavar="REF",
            show_default=False,
        ),
    ] = None,
    setup: Annotated[
        str | None,
        typer.Option(
            help="Run this in the folder of either revision before it is measured: 'make'.",
            metavar="COMMAND",
            show_default=False,
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            help="Take the figures of 'baseline' in a limit from this file.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    normalised: Annotated[
        bool,
        typer.Option(
            "--normalised",
            help="Hold times against the baseline in units of the reference workload, then and "
            "now; the machine may be another.",
        ),
    ] = False,
    max_time: Annotated[
        str | None,
        typer.Option(
            help="Decide within this time: 90s, 5min. Three rounds are always measured. "
            "[default: two minutes for each pair of networks]",
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
    allow_inconclusive: Annotated[
        bool,
        typer.Option("--allow-inconclusive", help="Exit 0, not 3, where nothing is over."),
    ] = False,
    *,
    workload: dict[str, Any],
    seed: options.Seed = 0,
    strict: options.Strict = False,
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
    allow_import: options.AllowImport = None,
) -> int:
    """Hold networks to limits, and fail where one is exceeded for sure."""
    from segbench.budgets import check as checking
    from segbench.cli import check_inputs as asking
    from segbench.cli.output import Target, measure
    from segbench.measurement.settings import Settings
    from segbench.results.check import exit_code

    settings = Settings.of(
        **workload,
        seed=seed,
        strict=strict,
    )
    max_time_s = options.duration(max_time, "max-time")
    asked = asking.ask(
        models or [],
        limit or [],
        budget=budget,
        baseline=baseline,
        against=against,
        settings=settings,
        normalised=normalised,
    )
    stored = None if asked.baseline is None else asking.read_baseline(asked.baseline)
    target = Target(format, output, force=force)
    with asking.revisions(against, setup=setup) as trees:
        found = measure(
            target,
            lambda progress: checking.check(
                asked.groups,
                baseline=stored,
                normalised=normalised,
                trees=trees,
                max_time_s=max_time_s,
                budget=asked.budget,
                progress=progress,
            ),
        )
    if found is None:
        return ExitCode.INTERRUPTED
    asking.publish_on_github(found)
    return exit_code(found, allow_inconclusive=allow_inconclusive)
