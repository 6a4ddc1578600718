"""``segbench reproduce``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import options
from segbench.cli.options import (
    DataRoot,
    DeviceName,
    Epochs,
    ProtocolName,
    Recipe,
    TrainingBatch,
)
from segbench.errors import ExitCode


def reproduce(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Networks. [default: segfast]",
            callback=options.all_named,
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str,
        typer.Option(help="Train on this dataset.", metavar="NAME", callback=options.named),
    ] = "camvid",
    seeds: Annotated[
        int, typer.Option(help="Train each network with N seeds.", metavar="N", min=1)
    ] = 3,
    out: Annotated[
        Path, typer.Option(help="Keep the runs below this folder.", metavar="FOLDER")
    ] = Path("runs/reproduce"),
    recipe: Recipe = "paper",
    epochs: Epochs = None,
    batch: TrainingBatch = None,
    size: options.Size = "224x224",
    protocol: Annotated[
        ProtocolName, typer.Option(help="Judge by this protocol; the paper's has void as a class.")
    ] = ProtocolName.VOID_AS_CLASS,
    device: options.DeviceOption = DeviceName.CPU,
    data_root: DataRoot = None,
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
    allow_import: options.AllowImport = None,
) -> int:
    """Train as the paper did, and set its Tables 2 and 3 beside what came out.

    Runs that are there already are gone on with.
    """
    from segbench.cli.output import Target
    from segbench.results.reproduction import Reproduction
    from segbench.training.config import Job

    names = models or ["segfast"]
    job = Job(
        model=names[0],
        dataset=dataset,
        data_root=str(data_root) if data_root else None,
        size=options.image_size(size),
        protocol=protocol.value,
        recipe=recipe,
        epochs=epochs,
        batch=batch,
        device=device.value,
    )
    target = Target(format, output, force=force, kind=Reproduction)
    from segbench.training.allocator import use_steady_allocator

    use_steady_allocator("-P", "-m", "segbench", *sys.argv[1:])
    from segbench.cli.training_session import reproduce_with_progress

    found = reproduce_with_progress(names, job, seeds=seeds, out=out)
    if found is None:
        return ExitCode.INTERRUPTED
    target.write(found)
    return ExitCode.OK
