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
from segbench.errors import ExitCode
from segbench.results.candidate import DTYPES, read_precision


def train(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A network, written as for profile.", callback=options.named
        ),
    ],
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
        str, typer.Option(help="Compute with this precision: fp32, bf16 or fp16.", metavar="NAME")
    ] = "fp32",
    data_root: DataRoot = None,
    allow_import: options.AllowImport = None,
) -> int:
    """Train a network; --resume goes on with a run that was stopped."""
    from segbench.training.config import Job

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
        precision=cast("Any", DTYPES[read_precision(precision)]),
    )
    from segbench.training.allocator import use_steady_allocator
    from segbench.training.devices import become_quiet, is_helper

    if is_helper():
        become_quiet()
    use_steady_allocator("-P", "-m", "segbench", *sys.argv[1:])
    from segbench.cli.training_session import train_with_progress

    folder = out or Path("runs") / f"{job.spec.name.replace(':', '.')}-{Path(dataset).name}-{seed}"
    return ExitCode.OK if train_with_progress(job, folder, resume=resume) else ExitCode.INTERRUPTED
