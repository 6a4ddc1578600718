"""``segbench predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import options
from segbench.cli.options import Checkpoint, DataRoot


def predict(
    checkpoint: Checkpoint,
    image: Annotated[
        Path | None,
        typer.Argument(
            metavar="[IMAGE|FOLDER|VIDEO]",
            help="A picture, a folder of pictures, or a video.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Write the pictures into this folder.", metavar="FOLDER")
    ] = Path("predictions"),
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Take the scenes of this dataset instead, and show their labels too.",
            metavar="NAME",
            callback=options.named,
            show_default=False,
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Take this split of the dataset.")] = "val",
    beside: Annotated[
        list[str] | None,
        typer.Option(
            help="Show what this network sees too; may be given again.",
            metavar="RUN|CHECKPOINT",
            show_default=False,
        ),
    ] = None,
    data_root: DataRoot = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace results that are in the folder already.")
    ] = False,
    allow_import: options.AllowImport = None,
) -> int:
    """Draw what a trained network sees in images, at their own size."""
    from segbench.cli.prediction_files import predict_images, predict_scenes
    from segbench.errors import UsageError

    networks = [checkpoint, *(beside or [])]
    if image is not None and dataset is None:
        return predict_images(networks, image, out, force=force)
    if dataset is not None and image is None:
        return predict_scenes(networks, dataset, split, data_root, out, force=force)
    raise UsageError("name either a picture or folder, or a dataset with --dataset")
