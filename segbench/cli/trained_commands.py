"""The commands that take a trained network: evaluate it, and look at what it sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import options
from segbench.cli.data_commands import DataRoot
from segbench.cli.training_commands import ProtocolName
from segbench.errors import ExitCode

Checkpoint = Annotated[
    Path,
    typer.Argument(
        metavar="RUN|CHECKPOINT",
        help="A run's folder, for its best weights, a file of weights, or segfast-streets, which "
        "comes with segbench.",
        show_default=False,
    ),
]


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
) -> int:
    """Evaluate a trained network: mIoU and pixel accuracy by every protocol, IoU by class."""
    from segbench.cli.output import Target, measure  # noqa: PLC0415 - start-up
    from segbench.evaluations import Evaluation  # noqa: PLC0415 - start-up

    height_width = None if size is None else options.image_size(size)
    target = Target(format, output, force=force, kind=Evaluation)
    from segbench import evaluation  # noqa: PLC0415 - it takes torch

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
    return ExitCode.OK if done else ExitCode.INTERRUPTED


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
            show_default=False,
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Take this split of the dataset.")] = "val",
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            help="Show what this network sees too; may be given again.",
            metavar="RUN|CHECKPOINT",
            show_default=False,
        ),
    ] = None,
    data_root: DataRoot = None,
) -> int:
    """Draw what a trained network sees in images, at their own size."""
    from segbench.cli.output import progress_bar  # noqa: PLC0415 - start-up
    from segbench.errors import UsageError  # noqa: PLC0415 - start-up

    if (image is None) == (dataset is None):
        raise UsageError("name either a picture or folder, or a dataset with --dataset")
    from segbench import prediction  # noqa: PLC0415 - it takes torch
    from segbench.video import is_video, predict_video  # noqa: PLC0415

    if beside and image is not None and is_video(image):
        raise UsageError("a video is shown for one network; leave out --beside")
    predictors = prediction.load_predictors([checkpoint, *(beside or [])])
    if image is not None and is_video(image):
        with progress_bar() as bar:
            speed = predict_video(predictors[0], image, out, progress=bar)
        print(f"{speed.frames} frames predicted, in {out}; {speed.words}")
        return ExitCode.OK
    if dataset is not None:
        count, seen = prediction.see_scenes(dataset, split, data_root)
    elif image is not None:
        paths = prediction.pictures(image)
        count, seen = len(paths), prediction.see_pictures(paths)
    with progress_bar() as bar:
        prediction.predict_all(predictors, seen, out, count=count, progress=bar)
    print(f"{count} image{'s' * (count != 1)} predicted, in {out}")
    return ExitCode.OK
