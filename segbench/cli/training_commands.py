"""The commands that train networks, and list what was trained."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import options
from segbench.cli.data_commands import DataRoot
from segbench.cli.options import DeviceName
from segbench.errors import ExitCode


class ProtocolName(enum.StrEnum):
    """What is done with void, and with classes that are not seen."""

    STRICT = "strict"
    VOID_AS_CLASS = "void-as-class"
    ADD_ONE = "add-one"
    TP_NONZERO = "tp-nonzero"


class PrecisionName(enum.StrEnum):
    """What training computes with."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


Recipe = Annotated[
    str,
    typer.Option(
        help="Train by this recipe: paper or modern; ingredients may be added: paper+flip."
    ),
]
Devices = Annotated[
    int,
    typer.Option(
        help="Share each batch between N devices: GPUs, or processes on a CPU.",
        metavar="N",
        min=1,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        help="Train for N epochs at most. [default: the recipe's]",
        metavar="N",
        min=1,
        show_default=False,
    ),
]
TrainingBatch = Annotated[
    int | None,
    typer.Option(
        help="Put N images into a batch. [default: the recipe's]",
        metavar="N",
        min=1,
        show_default=False,
    ),
]


def train(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A network, written as for profile.")
    ],
    dataset: Annotated[
        str,
        typer.Option(help="Train on this dataset, named as for data check.", metavar="NAME"),
    ] = "streets",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Keep the run in this folder. [default: runs/MODEL-DATASET-SEED]",
            metavar="RUN",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that is in the folder.")
    ] = False,
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
        PrecisionName, typer.Option(help="Compute with this precision.")
    ] = PrecisionName.FLOAT32,
    data_root: DataRoot = None,
) -> int:
    """Train a network; a run that was stopped, however, goes on with --resume."""
    from segbench.training.job import Job  # noqa: PLC0415 - start-up

    job = Job(
        model=model,
        dataset=dataset,
        data_root=str(data_root) if data_root else None,
        size=options.image_size(size),
        protocol=protocol.value,
        recipe=recipe,
        epochs=epochs,
        batch=batch,
        seed=seed,
        device=device.value,
        devices=devices,
        precision=precision.value,
    )
    from segbench.training.allocator import hold_allocator  # noqa: PLC0415 - start-up
    from segbench.training.devices import become_quiet, is_helper  # noqa: PLC0415

    if is_helper():
        become_quiet()
    hold_allocator("-P", "-m", "segbench", *sys.argv[1:])
    from segbench.cli.training import train_with_progress  # noqa: PLC0415 - start-up

    folder = out or Path("runs") / f"{job.spec.name.replace(':', '.')}-{Path(dataset).name}-{seed}"
    return ExitCode.OK if train_with_progress(job, folder, resume=resume) else ExitCode.INTERRUPTED


def reproduce(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...", help="Networks. [default: segfast]", show_default=False
        ),
    ] = None,
    dataset: Annotated[str, typer.Option(help="Train on this dataset.", metavar="NAME")] = "camvid",
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
) -> int:
    """Train as the paper did, and set its Tables 2 and 3 beside what came out.

    Runs that are there already are gone on with.
    """
    from segbench.cli.output import Target  # noqa: PLC0415 - start-up
    from segbench.reproductions import Reproduction  # noqa: PLC0415 - start-up
    from segbench.training.job import Job  # noqa: PLC0415 - start-up

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
    from segbench.training.allocator import hold_allocator  # noqa: PLC0415 - start-up

    hold_allocator("-P", "-m", "segbench", *sys.argv[1:])
    from segbench.cli.training import reproduce_with_progress  # noqa: PLC0415 - start-up

    found = reproduce_with_progress(names, job, seeds=seeds, out=out)
    if found is None:
        return ExitCode.INTERRUPTED
    target.write(found)
    return ExitCode.OK


def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Look for runs below this folder.")
    ] = Path("runs"),
) -> None:
    """List what was trained: networks, datasets, epochs and quality."""
    from segbench.cli.listing import print_runs  # noqa: PLC0415 - start-up

    print_runs(folder)
