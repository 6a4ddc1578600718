"""The commands that hold networks to limits: ``check`` and ``baseline``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import options
from segbench.cli.options import AllocatorName, DeviceName
from segbench.errors import ExitCode

baseline_app = typer.Typer(
    name="baseline",
    help="Keep figures in a file that belongs under version control, to hold later runs against.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Limits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        help="Judge this limit on every MODEL: 'params <= 603288', 'latency.forward.p50_s <= "
        "40 ms', '... <= 0.25 * segnet', '... <= 1.05 * baseline', '... <= 2 * reference'; with "
        "'+ 3 %' of tolerance. May be given several times.",
        metavar="LIMIT",
        show_default=False,
    ),
]


def check(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Networks that --limit, or --against, is about; written as for profile.",
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
    threads: options.Threads = None,
    batch: options.Batch = 1,
    size: options.Size = "224x224",
    classes: options.Classes = None,
    input: options.Input = None,  # noqa: A002 - the option's name
    device: options.DeviceOption = DeviceName.CPU,
    runtime: options.RuntimeOption = "eager",
    allocator: options.AllocatorOption = AllocatorName.STEADY,
    seed: options.Seed = 0,
    strict: options.Strict = False,
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
) -> int:
    """Hold networks to limits, and fail where one is exceeded for sure."""
    from segbench.budgets import checking  # noqa: PLC0415 - start-up
    from segbench.budgets.verdicts import exit_code  # noqa: PLC0415 - start-up
    from segbench.cli import checking as asking  # noqa: PLC0415 - start-up
    from segbench.cli.output import Target, measure  # noqa: PLC0415 - start-up
    from segbench.settings import Settings  # noqa: PLC0415 - start-up

    settings = Settings(
        threads=threads,
        batch=batch,
        size=options.image_size(size),
        classes=classes,
        input=input,
        device=device.value,
        runtime=runtime,
        allocator=allocator.value,
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


@baseline_app.command(epilog="Example: segbench baseline save segfast --output baseline.json")
def save(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Networks, written as for profile.", show_default=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="Write into this file, whole or not at all.", metavar="FILE", show_default=False
        ),
    ],
    threads: options.Threads = None,
    batch: options.Batch = 1,
    size: options.Size = "224x224",
    classes: options.Classes = None,
    input: options.Input = None,  # noqa: A002 - the option's name
    device: options.DeviceOption = DeviceName.CPU,
    runtime: options.RuntimeOption = "eager",
    allocator: options.AllocatorOption = AllocatorName.STEADY,
    repeats: options.Repeats = 10,
    seed: options.Seed = 0,
    force: options.Force = False,
) -> int:
    """Measure networks, and keep all samples and what machine it was."""
    from segbench.budgets.baselines import measure_baseline  # noqa: PLC0415 - start-up
    from segbench.cli.output import Target, measure  # noqa: PLC0415 - start-up
    from segbench.settings import Settings  # noqa: PLC0415 - start-up

    settings = Settings(
        threads=threads,
        batch=batch,
        size=options.image_size(size),
        classes=classes,
        input=input,
        device=device.value,
        runtime=runtime,
        allocator=allocator.value,
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
    from segbench.cli.checking import read_baseline  # noqa: PLC0415 - start-up
    from segbench.cli.output import Target  # noqa: PLC0415 - start-up

    Target(format, output, force=force).write(read_baseline(file))


@baseline_app.command(epilog="Example: segbench baseline update baseline.json")
def update(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A baseline file.", show_default=False)
    ],
    repeats: options.Repeats = 10,
) -> int:
    """Measure the file's networks again under its workload, and replace the file."""
    from segbench.budgets.baselines import measure_again  # noqa: PLC0415 - start-up
    from segbench.cli.checking import read_baseline  # noqa: PLC0415 - start-up
    from segbench.cli.output import Target, measure  # noqa: PLC0415 - start-up

    before = read_baseline(file)
    target = Target(options.FormatName.JSON, [file], force=True)
    done = measure(
        target, lambda progress: measure_again(before, repeats=repeats, progress=progress)
    )
    return ExitCode.OK if done else ExitCode.INTERRUPTED
