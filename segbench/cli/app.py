"""The commands. Their bodies import what they need, so that help and lists start at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import (
    budget_commands,
    data_commands,
    options,
    search_commands,
    trained_commands,
    training_commands,
)
from segbench.cli.options import AllocatorName, DeviceName
from segbench.errors import ExitCode

app = typer.Typer(
    name="segbench",
    help="Measure and compare what segmentation networks cost on this CPU.",
    epilog="Start with: segbench compare --all",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawing help with rich takes longer than all else at start-up
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from segbench import __version__  # noqa: PLC0415 - start-up

        print(f"segbench {__version__}")
        raise typer.Exit


@app.callback()
def everywhere(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the traceback of an error; goes in any place."),
    ] = False,
) -> None:
    """Take the options that every command has; ``main`` has read --debug already."""
    del version, debug
    if context.invoked_subcommand is None:
        print(context.get_help())


Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A network: a name that 'segbench models' lists, package.module:builder, or a JSON "
        "file; with options after commas: segfast,stem_width=48",
        show_default=False,
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL]...", help="Networks, written as for profile.", show_default=False
    ),
]


@app.command(epilog="Example: segbench profile segfast --threads 2 --input street.png")
def profile(
    model: Model,
    threads: options.Threads = None,
    batch: options.Batch = 1,
    size: options.Size = "224x224",
    classes: options.Classes = None,
    input: options.Input = None,  # noqa: A002 - the option's name
    device: options.DeviceOption = DeviceName.CPU,
    runtime: options.RuntimeOption = "eager",
    allocator: options.AllocatorOption = AllocatorName.STEADY,
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
) -> int:
    """Measure one network: size, work, peak memory, and the latency of each phase."""
    from segbench import profiling  # noqa: PLC0415 - start-up
    from segbench.cli.output import Target, measure  # noqa: PLC0415 - start-up
    from segbench.results import Profile  # noqa: PLC0415 - start-up

    height_width = options.image_size(size)
    finished = measure(
        Target(format, output, force=force, kind=Profile),
        lambda progress: profiling.profile(
            model,
            threads=threads,
            batch=batch,
            size=height_width,
            classes=classes,
            input=input,
            device=device.value,
            runtime=runtime,
            allocator=allocator.value,
            repeats=repeats,
            seed=seed,
            training=training,
            strict=strict,
            layers=layers,
            progress=progress,
        ),
    )
    return ExitCode.OK if finished else ExitCode.INTERRUPTED


@app.command(epilog="Example: segbench compare segfast segnet mypkg.nets:tiny --baseline segfast")
def compare(
    models: Models = None,
    every: Annotated[
        bool, typer.Option("--all", help="Compare the five networks of the zoo.")
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option(
            help="Give ratios over this network. [default: segfast, else the first]",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    threads: options.Threads = None,
    batch: options.Batch = 1,
    size: options.Size = "224x224",
    classes: options.Classes = None,
    input: options.Input = None,  # noqa: A002 - the option's name
    device: options.DeviceOption = DeviceName.CPU,
    runtime: options.RuntimeOption = "eager",
    allocator: options.AllocatorOption = AllocatorName.STEADY,
    repeats: options.LeastRepeats = None,
    precision: options.Precision = None,
    max_time: options.MaxTime = None,
    seed: options.Seed = 0,
    training: options.Training = True,
    strict: options.Strict = False,
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
) -> int:
    """Measure networks in turns in one run, and give ratios beside those of the paper."""
    from segbench import profiling  # noqa: PLC0415 - start-up
    from segbench.cli.output import Target, measure  # noqa: PLC0415 - start-up
    from segbench.cli.selecting import select_models  # noqa: PLC0415 - start-up
    from segbench.results import Comparison  # noqa: PLC0415 - start-up

    named = select_models(models or [], every=every)
    height_width = options.image_size(size)
    share = options.share(precision, "precision")
    max_time_s = options.duration(max_time, "max-time")
    finished = measure(
        Target(format, output, force=force, kind=Comparison),
        lambda progress: profiling.compare(
            named,
            baseline=baseline,
            threads=threads,
            batch=batch,
            size=height_width,
            classes=classes,
            input=input,
            device=device.value,
            runtime=runtime,
            allocator=allocator.value,
            repeats=repeats,
            precision=share,
            max_time_s=max_time_s,
            seed=seed,
            training=training,
            strict=strict,
            progress=progress,
        ),
    )
    return ExitCode.OK if finished else ExitCode.INTERRUPTED


app.command(epilog="Example: segbench check --budget budgets.toml")(budget_commands.check)
app.add_typer(budget_commands.baseline_app)
app.add_typer(data_commands.data_app)
app.add_typer(search_commands.search_app)
app.command(epilog="Example: segbench train segfast --dataset camvid --epochs 50")(
    training_commands.train
)
app.command(epilog="Example: segbench evaluate runs/segfast-camvid-0 --split test")(
    trained_commands.evaluate
)
app.command(epilog="Example: segbench reproduce segfast --data-root ~/datasets")(
    training_commands.reproduce
)
app.command(epilog="Example: segbench predict runs/segfast-streets-0 photos --out seen")(
    trained_commands.predict
)
app.command(epilog="Example: segbench runs")(training_commands.runs)


@app.command(epilog="Example: segbench report result.json --format markdown")
def report(
    result: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A JSON file that another command wrote.", show_default=False
        ),
    ],
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
) -> None:
    """Draw a saved result again; nothing is measured."""
    from segbench.cli.output import Target  # noqa: PLC0415 - start-up
    from segbench.store import load  # noqa: PLC0415 - start-up

    Target(format, output, force=force).write(load(result))


@app.command(epilog="Example: segbench models")
def models() -> None:
    """List the networks of the zoo, with their parameters and the paper's figures."""
    from segbench.cli.listing import print_models  # noqa: PLC0415 - start-up

    print_models()


@app.command(epilog="Example: segbench env")
def env(
    threads: options.Threads = None,
) -> None:
    """Say what this machine is, and whether it is fit for timing now."""
    from segbench.cli.listing import print_environment  # noqa: PLC0415 - start-up

    print_environment(threads)
