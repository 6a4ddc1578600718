"""``segbench train``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from segbench.cli import options
from segbench.cli.options import (
    DataRoot,
    DeviceName,
    Devices,
    Epochs,
    ProtocolName,
    Recipe,
    TrainingBatch,
)
from segbench.errors import ExitCode, UsageError
from segbench.results.candidate import DTYPES, read_precision

WITH_A_QUEUE = ("model", "queue", "show", "out", "data_root", "allow_import")


def train(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A network, written as for profile.",
            callback=options.named,
            show_default=False,
        ),
    ] = None,
    queue: Annotated[
        Path | None,
        typer.Option(
            help="Train the networks of this TOML file instead, one after the other; what is there "
            "is gone on with.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--list", help="Show how far the queue is, and train nothing.")
    ] = False,
    dataset: Annotated[
        str,
        typer.Option(
            help="Train on this dataset, named as for data check.",
            metavar="NAME",
            callback=options.named,
        ),
    ] = "streets",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Keep the run, or those of the queue, in this folder. [default: "
            "runs/MODEL-DATASET-SEED, runs/FILE]",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that is in the folder.")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Begin with these weights, as far as they have the names and the shapes of the "
            "network's: a run, a file of weights, or segfast-streets.",
            metavar="WEIGHTS",
            show_default=False,
        ),
    ] = None,
    distill: Annotated[
        list[str] | None,
        typer.Option(
            help="Learn from what this trained network answers too: a run, a file of weights, or "
            "segfast-streets; given several times, from the mean. Adds the ingredient distill.",
            metavar="WEIGHTS",
            show_default=False,
        ),
    ] = None,
    recipe: Recipe = "paper",
    epochs: Epochs = None,
    batch: TrainingBatch = None,
    size: options.Size = "224x224",
    protocol: Annotated[
        ProtocolName,
        typer.Option(
            help="Choose the best epoch by the mIoU of this protocol; by void-as-class and add-one "
            "void is learnt too."
        ),
    ] = ProtocolName.STRICT,
    seed: Annotated[
        int, typer.Option(help="Seed weights and order with N.", metavar="N", min=0)
    ] = 0,
    device: options.DeviceOption = DeviceName.CPU,
    devices: Devices = 1,
    precision: Annotated[
        str, typer.Option(help="Compute with this precision: fp32, bf16 or fp16.", metavar="NAME")
    ] = "fp32",
    data_root: DataRoot = None,
    allow_import: options.AllowImport = None,
) -> int:
    """Train a network, or a queue of them; --resume goes on with a run that was stopped."""
    if queue is not None:
        if model is not None:
            raise UsageError(f"MODEL {model!r} and --queue are both given; leave one of them out")
        _refuse_others(context)
        return _train_queue(queue, out, data_root, show=show)
    if model is None:
        raise UsageError("there is nothing to train; name a MODEL, or a file with --queue")
    if show:
        raise UsageError("--list shows how far a queue is; name its file with --queue")
    from segbench.training.config import Job
    from segbench.training.recipes import distilling

    job = Job(
        model=model,
        dataset=dataset,
        data_root=str(data_root) if data_root else None,
        size=options.image_size(size),
        protocol=protocol.value,
        recipe=distilling(recipe) if distill else recipe,
        epochs=epochs,
        batch=batch,
        seed=seed,
        device=device.value,
        devices=devices,
        precision=cast("Any", DTYPES[read_precision(precision)]),
        start=start,
        teachers=tuple(distill or ()),
    )
    from segbench.training.allocator import use_steady_allocator
    from segbench.training.devices import become_quiet, is_helper

    if is_helper():
        become_quiet()
    use_steady_allocator("-P", "-m", "segbench", *sys.argv[1:])
    from segbench.cli.training_session import train_with_progress

    folder = out or Path("runs") / f"{job.spec.name.replace(':', '.')}-{Path(dataset).name}-{seed}"
    return ExitCode.OK if train_with_progress(job, folder, resume=resume) else ExitCode.INTERRUPTED


def _refuse_others(context: typer.Context) -> None:
    """Refuse options that each run of a queue has in its file."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in WITH_A_QUEUE and source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"--{name.replace('_', '-')} and --queue are both given; write it into the file"
            )


def _train_queue(queue: Path, out: Path | None, data_root: Path | None, *, show: bool) -> int:
    from segbench.training.queue_file import read_queue_file
    from segbench.training.queue_folder import QueueFolder

    runs = read_queue_file(queue, data_root=data_root)
    folder = out or Path("runs") / queue.stem
    if show:
        from segbench.cli.lists import print_queue

        kept = QueueFolder(folder)
        kept.check(runs, any_root=True)
        print_queue(kept.states(runs), folder)
        return ExitCode.OK
    from segbench.cli.queue_session import train_queue_with_progress

    return train_queue_with_progress(runs, folder)
