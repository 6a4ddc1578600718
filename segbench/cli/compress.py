"""``segbench compress``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import options
from segbench.cli.options import DataRoot, Epochs
from segbench.errors import ExitCode, UsageError


def compress(
    run: Annotated[
        str, typer.Argument(help="A run, or a file of weights.", metavar="RUN", show_default=False)
    ],
    prune: Annotated[
        str | None,
        typer.Option(
            help="Cut channels: 50% of them leave, or 0.6x of the latency stays.",
            metavar="GOAL",
            show_default=False,
        ),
    ] = None,
    runtime: Annotated[
        str,
        typer.Option("--for", help="Measure in this RUNTIME[:PRECISION].", metavar="RUNTIME"),
    ] = "eager",
    distill: Annotated[
        list[str] | None,
        typer.Option(
            help="Fine-tune with this teacher; several times for more. [default: RUN]",
            metavar="WEIGHTS",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Fine-tune by this recipe. [default: that of RUN]",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    epochs: Epochs = None,
    seed: Annotated[int, typer.Option(help="Seed the order with N.", metavar="N", min=0)] = 0,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Fine-tune and evaluate on this dataset. [default: that of RUN]",
            metavar="NAME",
            callback=options.named,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Keep what is made in this folder. [default: runs/compressed]",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what is in the folder.")
    ] = False,
    threads: options.Threads = None,
    data_root: DataRoot = None,
    allow_import: options.AllowImport = None,
) -> int:
    """Make a trained network smaller, and measure what that gives and costs."""
    if prune is None:
        raise UsageError("there is no step to take; name one: --prune 50%, or --prune 0.6x")
    from segbench.compression.compress import CompressionJob
    from segbench.results.candidate import RuntimeSpec
    from segbench.runtimes import check_runtime

    spec = RuntimeSpec.parse(runtime)
    check_runtime(spec)
    job = CompressionJob(
        run=run,
        prune=prune,
        runtime=spec,
        dataset=dataset,
        data_root=data_root,
        teachers=tuple(distill or ()),
        recipe=recipe,
        epochs=epochs,
        seed=seed,
        threads=threads,
    )
    from segbench.training.allocator import use_steady_allocator

    use_steady_allocator("-P", "-m", "segbench", *sys.argv[1:])
    from segbench.cli.compression_session import compress_with_progress

    folder = out or Path("runs") / "compressed"
    done = compress_with_progress(job, folder, resume=resume)
    return ExitCode.OK if done else ExitCode.INTERRUPTED
