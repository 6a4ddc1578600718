"""``segbench search`` and its commands: show, export, retrain."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import options
from segbench.cli.options import DataRoot, DeviceName, Epochs, ProtocolName, Recipe, TrainingBatch
from segbench.errors import ExitCode
from zoo.allowed import allow_file

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


def _study(name: str) -> str:
    """Allow a study's file to be executed, because the user has named it."""
    allow_file(name)
    return name


@search_app.callback()
def search(
    context: typer.Context,
    dataset: Annotated[
        str,
        typer.Option(
            help="Train on this dataset, named as for data check.",
            metavar="NAME",
            callback=options.named,
        ),
    ] = "streets",
    study: Annotated[
        str,
        typer.Option(
            help="Search this space: spark, separable, or the path of a file.",
            metavar="STUDY",
            callback=_study,
        ),
    ] = "spark",
    trials: Annotated[
        int,
        typer.Option(help="Try N networks, counting those before a resume.", metavar="N"),
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
            help="Train no network with a higher latency: 20ms, or 0.66x of the reference model's.",
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
            help="Fail if the folder has no search to resume. An existing search is always "
            "resumed.",
        ),
    ] = False,
    data_root: DataRoot = None,
    allow_import: options.AllowImport = None,
) -> int:
    """Search a space of networks; the same command resumes a search that was stopped."""
    if context.invoked_subcommand is not None:
        return ExitCode.OK
    # With matrices of a few hundred rows a second thread only waits; workers set their own number.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from segbench.cli.output import show
    from segbench.cli.search_session import search_with_progress
    from segbench.search.config import SearchConfig, training_size
    from segbench.search.latency_budget import parse_latency_budget
    from segbench.training.config import Job

    latency_size = options.image_size(size)
    job = Job(
        model="segfast",
        dataset=dataset,
        data_root=str(data_root) if data_root else None,
        size=options.image_size(train_size) if train_size else training_size(latency_size),
        protocol=protocol.value,
        recipe=recipe,
        epochs=epochs,
        batch=batch,
        seed=seed,
        device=device.value,
    )
    config = SearchConfig(
        study=study,
        job=job,
        trials=trials,
        size=latency_size,
        budget=None if latency_budget is None else parse_latency_budget(latency_budget),
        threads=threads,
        runtime=runtime,
        sampler=sampler,
        storage=storage,
    )
    name = f"search-{Path(study).stem}-{Path(dataset).name}-{seed}"
    folder = out or Path("runs") / name
    found = search_with_progress(config, folder, resume=resume)
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
    """Show the result of a search so far: front and importances; draw its pictures anew."""
    from segbench.cli.output import Target
    from segbench.cli.search_session import draw, read_search

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
            help="Take this network: fastest-not-worse than the reference model, most-accurate "
            "within the budget, knee of the front, or a trial's number.",
            metavar="WHICH",
        ),
    ] = "fastest-not-worse",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Write into this file.", metavar="FILE")
    ] = Path("best.json"),
    force: options.Force = False,
) -> None:
    """Write a network of a search into a file that every other command takes as a model."""
    from segbench.cli.search_session import export_trial, read_search

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
    allow_import: options.AllowImport = None,
) -> int:
    """Train the front in full, and tell how well the search had ranked it."""
    from segbench.cli.output import Target
    from segbench.cli.search_session import read_search, retrain_with_progress
    from segbench.results.retraining import Retraining

    target = Target(format, output, force=force, kind=Retraining)
    from segbench.training.allocator import use_steady_allocator

    use_steady_allocator("-P", "-m", "segbench", *sys.argv[1:])
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
