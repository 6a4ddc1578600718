"""The commands of a search: begin or go on with one, look at it, take a network out of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import options
from segbench.cli.data_commands import DataRoot
from segbench.cli.options import DeviceName
from segbench.cli.training_commands import Epochs, ProtocolName, Recipe, TrainingBatch
from segbench.errors import ExitCode

search_app = typer.Typer(
    name="search",
    help="Search for networks that are accurate and fast on this CPU.",
    epilog="Example: segbench search --dataset camvid --trials 30 --latency-budget 0.66x",
    rich_markup_mode=None,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Folder = Annotated[
    Path,
    typer.Argument(metavar="STUDY", help="The folder of a search.", show_default=False),
]


@search_app.callback()
def search(
    context: typer.Context,
    dataset: Annotated[
        str, typer.Option(help="Train on this dataset, named as for data check.", metavar="NAME")
    ] = "streets",
    study: Annotated[
        str,
        typer.Option(
            help="Search this space: spark, separable, or the path of a file.", metavar="STUDY"
        ),
    ] = "spark",
    trials: Annotated[
        int, typer.Option(help="Try N networks, those of an earlier part included.", metavar="N")
    ] = 60,
    epochs: Annotated[
        int,
        typer.Option(
            help="Train for N epochs, in rungs of a ninth, a third and all of them.", metavar="N"
        ),
    ] = 9,
    latency_budget: Annotated[
        str | None,
        typer.Option(
            help="Train no network that takes longer than this for an image: 20ms, or 0.66x of "
            "what the rival takes.",
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
    sampler: Annotated[
        str,
        typer.Option(
            help="Propose networks by: front, random, tpe, tpe-multivariate, nsga2, gp.",
            metavar="NAME",
        ),
    ] = "front",
    threads: options.Threads = None,
    runtime: options.RuntimeOption = "eager",
    recipe: Recipe = "paper",
    batch: TrainingBatch = None,
    size: options.Size = "224x224",
    train_size: Annotated[
        str | None,
        typer.Option(
            help="Train with images of this size; latency is measured at --size. [default: a third "
            "of --size]",
            metavar="HxW",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        ProtocolName, typer.Option(help="Judge accuracy by the mIoU of this protocol.")
    ] = ProtocolName.STRICT,
    seed: Annotated[
        int, typer.Option(help="Seed all that is drawn with N.", metavar="N", min=0)
    ] = 0,
    device: options.DeviceOption = DeviceName.CPU,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Keep the trials in this storage of Optuna's. [default: a file in the folder]",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Keep the search in this folder. [default: runs/search-STUDY-DATASET-SEED]",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the search of the folder, and begin none; without it, go on if "
            "there is one.",
        ),
    ] = False,
    data_root: DataRoot = None,
) -> int:
    """Search a space of networks; the same command goes on with a search that was stopped."""
    if context.invoked_subcommand is not None:
        return ExitCode.OK
    # For matrices of a few hundred rows a second thread only waits; workers have their own number.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from segbench.cli.output import show  # noqa: PLC0415 - start-up
    from segbench.cli.searching import search_with_progress  # noqa: PLC0415 - start-up
    from segbench.search.limit import parse_limit  # noqa: PLC0415 - start-up
    from segbench.search.plan import Plan, training_size  # noqa: PLC0415 - start-up
    from segbench.training.job import Job  # noqa: PLC0415 - start-up

    timed = options.image_size(size)
    job = Job(
        model="segfast",
        dataset=dataset,
        data_root=str(data_root) if data_root else None,
        size=options.image_size(train_size) if train_size else training_size(timed),
        protocol=protocol.value,
        recipe=recipe,
        epochs=epochs,
        batch=batch,
        seed=seed,
        device=device.value,
    )
    plan = Plan(
        study=study,
        job=job,
        trials=trials,
        size=timed,
        budget=None if latency_budget is None else parse_limit(latency_budget),
        threads=threads,
        runtime=runtime,
        sampler=sampler,
        storage=storage,
    )
    name = f"search-{Path(study).stem}-{Path(dataset).name}-{seed}"
    folder = out or Path("runs") / name
    found = search_with_progress(plan, folder, resume=resume)
    if found is None:
        return ExitCode.INTERRUPTED
    show(found, "table")
    print(f"searched: {folder} (take a network out with: segbench search export {folder})")
    return ExitCode.OK


@search_app.command("show", epilog="Example: segbench search show runs/search-spark-camvid-0")
def show_search(
    study: Folder,
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
) -> None:
    """Show what a search found by now: its front, and which choices mattered; draw it anew."""
    from segbench.cli.output import Target  # noqa: PLC0415 - start-up
    from segbench.cli.searching import draw, read_search  # noqa: PLC0415 - start-up

    found = read_search(study)
    Target(format, output, force=force).write(found)
    draw(found, study)


@search_app.command(
    epilog="Example: segbench search export runs/search-spark-camvid-0 -o best.json"
)
def export(
    study: Folder,
    pick: Annotated[
        str,
        typer.Option(
            help="Take this network: fastest-not-worse than the rival, most-accurate within the "
            "budget, knee of the front, or a trial's number.",
            metavar="WHICH",
        ),
    ] = "fastest-not-worse",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Write into this file.", metavar="FILE")
    ] = Path("best.json"),
    force: options.Force = False,
) -> None:
    """Write a network of a search into a file that every other command takes as a model."""
    from segbench.cli.searching import export_trial, read_search  # noqa: PLC0415 - start-up

    export_trial(read_search(study), pick, output, force=force)


@search_app.command(epilog="Example: segbench search retrain runs/search-spark-camvid-0 --seeds 3")
def retrain(
    study: Folder,
    seeds: Annotated[
        int,
        typer.Option(
            help="Train each network with N seeds, the search's not among them.",
            metavar="N",
            min=1,
        ),
    ] = 3,
    recipe: Annotated[
        str | None,
        typer.Option(help="Train by this recipe. [default: the search's]", show_default=False),
    ] = None,
    epochs: Epochs = None,
    device: options.DeviceOption = DeviceName.CPU,
    data_root: DataRoot = None,
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
) -> int:
    """Train the front in full, and tell how well the search had ranked it."""
    from segbench.cli.output import Target  # noqa: PLC0415 - start-up
    from segbench.cli.searching import read_search, retrain_with_progress  # noqa: PLC0415
    from segbench.retrainings import Retraining  # noqa: PLC0415 - start-up

    target = Target(format, output, force=force, kind=Retraining)
    from segbench.training.allocator import hold_allocator  # noqa: PLC0415 - start-up

    hold_allocator("-P", "-m", "segbench", *sys.argv[1:])
    found = retrain_with_progress(
        read_search(study),
        study,
        seeds=seeds,
        recipe=recipe,
        epochs=epochs,
        device=device.value,
        data_root=data_root,
    )
    if found is None:
        return ExitCode.INTERRUPTED
    target.write(found)
    return ExitCode.OK
