"""``segbench baseline``: save, show, update."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from segbench.cli import options
from segbench.cli.options import with_workload
from segbench.errors import ExitCode

baseline_app = typer.Typer(
    name="baseline",
    help="Keep figures in a file that belongs under version control, to hold later runs against.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@baseline_app.command(epilog="Example: segbench baseline save segfast --output baseline.json")
@with_workload
def save(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Networks, written as for profile.",
            callback=options.all_named,
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="Write into this file, whole or not at all.", metavar="FILE", show_default=False
        ),
    ],
    *,
    workload: dict[str, Any],
    repeats: options.Repeats = 10,
    seed: options.Seed = 0,
    force: options.Force = False,
    allow_import: options.AllowImport = None,
) -> int:
    """Measure networks, and keep all samples and what machine it was."""
    from segbench.budgets.baselines import measure_baseline
    from segbench.cli.output import Target, measure
    from segbench.measurement.settings import Settings

    settings = Settings.of(
        **workload,
        repeats=repeats,
        seed=seed,
    )
    target = Target(options.FormatName.JSON, [output], force=force)
    done = measure(target, lambda progress: measure_baseline(models, settings, progress=progress))
    return ExitCode.OK if done else ExitCode.INTERRUPTED


@baseline_app.command(epilog="Example: segbench baseline show baseline.json")
def show(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A baseline file.", show_default=False)
    ],
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
) -> None:
    """Show what a baseline file holds; nothing is measured."""
    from segbench.cli.check_inputs import read_baseline
    from segbench.cli.output import Target

    Target(format, output, force=force).write(read_baseline(file))


@baseline_app.command(epilog="Example: segbench baseline update baseline.json")
def update(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A baseline file.", show_default=False)
    ],
    repeats: options.Repeats = 10,
    allow_import: options.AllowImport = None,
) -> int:
    """Measure the file's networks again under its workload, and replace the file."""
    from segbench.budgets.baselines import measure_again
    from segbench.cli.check_inputs import read_baseline
    from segbench.cli.output import Target, measure

    before = read_baseline(file)
    target = Target(options.FormatName.JSON, [file], force=True)
    done = measure(
        target, lambda progress: measure_again(before, repeats=repeats, progress=progress)
    )
    return ExitCode.OK if done else ExitCode.INTERRUPTED
