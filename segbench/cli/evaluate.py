"""``segbench evaluate``."""

from __future__ import annotations

from typing import Annotated

import typer

from segbench.cli import options
from segbench.cli.options import Checkpoint, DataRoot, ProtocolName
from segbench.errors import ExitCode


def evaluate(
    checkpoint: Checkpoint,
    split: Annotated[str, typer.Option(help="Evaluate on this split.")] = "val",
    protocol: Annotated[
        ProtocolName | None,
        typer.Option(
            help="Show the classes by this protocol. [default: that of training]",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Evaluate on this dataset. [default: that of training]",
            metavar="NAME",
            callback=options.named,
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            help="Resize images to this. [default: as in training]",
            metavar="HxW",
            show_default=False,
        ),
    ] = None,
    batch: options.Batch = 8,
    data_root: DataRoot = None,
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
    allow_import: options.AllowImport = None,
) -> int:
    """Evaluate a trained network: mIoU and pixel accuracy by every protocol, IoU by class."""
    from segbench.cli.output import Target, measure
    from segbench.results.evaluation import Evaluation

    height_width = None if size is None else options.image_size(size)
    target = Target(format, output, force=force, kind=Evaluation)
    from segbench.training import evaluate as evaluation

    done = measure(
        target,
        lambda progress: evaluation.evaluate(
            checkpoint,
            dataset=dataset,
            split=split,
            protocol=protocol.value if protocol else None,
            data_root=data_root,
            size=height_width,
            batch=batch,
            progress=progress,
        ),
    )
    if done is None:
        return ExitCode.INTERRUPTED
    return ExitCode.OK if done.parity is None or done.parity.is_right else ExitCode.FAILED
