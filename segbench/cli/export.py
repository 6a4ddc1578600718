"""``segbench export``."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import options
from segbench.errors import ExitCode


class GraphFormat(enum.StrEnum):
    """What a network is written as."""

    ONNX = "onnx"
    OPENVINO = "openvino"


class GraphInput(enum.StrEnum):
    """What a graph takes."""

    FLOAT = "float"
    UINT8 = "uint8"


def export(
    model: options.Model,
    to: Annotated[GraphFormat, typer.Option(help="Write this format.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Write this file, .onnx or .xml, whole or not at all; OpenVINO's weights are "
            "beside it in a .bin.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    head: Annotated[
        str,
        typer.Option(
            help="Hand out logits, logits-nhwc, argmax or argmax-strided.", metavar="NAME"
        ),
    ] = "logits",
    takes: Annotated[
        GraphInput,
        typer.Option(
            "--input",
            help="Take normalised images (batch, 3, height, width) as float, or pictures (batch, "
            "height, width, 3) as uint8 and normalise them in the graph.",
        ),
    ] = GraphInput.FLOAT,
    precision: Annotated[
        str,
        typer.Option(
            help="Compare it in this precision, and advise it in the file: fp32, bf16.",
            metavar="NAME",
        ),
    ] = "fp32",
    size: Annotated[
        str | None,
        typer.Option(
            help="Take images of this height and width, in pixels. [default: as in training, else "
            "224x224]",
            metavar="HxW",
            show_default=False,
        ),
    ] = None,
    batch: options.Batch = 1,
    classes: options.Classes = None,
    seed: options.Seed = 0,
    force: options.Force = False,
    allow_import: options.AllowImport = None,
) -> int:
    """Write a network as a graph file, once that is seen to compute what the network does."""
    from segbench import units
    from segbench.cli.output import progress_bar
    from segbench.measurement import export as exporting

    try:
        with progress_bar() as progress:
            found = exporting.export(
                model,
                output,
                to=to.value,
                takes=takes.value,
                head=head,
                precision=precision,
                size=None if size is None else options.image_size(size),
                batch=batch,
                classes=classes,
                seed=seed,
                force=force,
                progress=progress,
            )
    except KeyboardInterrupt:
        print("segbench: interrupted; nothing was written", file=sys.stderr)
        return ExitCode.INTERRUPTED
    print(f"written: {', '.join(map(str, found.paths))}, {units.size(found.size_bytes)}")
    for word, port in (("takes", found.input), ("hands out", found.output)):
        lengths = "x".join("?" if each is None else str(each) for each in port["shape"])
        print(f"{word}: {lengths} of {port['dtype']}")
    print(f"compared on drawn street scenes: {found.parity.describe()}")
    return ExitCode.OK
