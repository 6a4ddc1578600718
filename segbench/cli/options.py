"""The options that several commands share, each with its unit and its effect."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from segbench.units import parse_duration, parse_image_size, parse_share


class FormatName(enum.StrEnum):
    """What a result is drawn as."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    JUNIT = "junit"


class DeviceName(enum.StrEnum):
    """Where a network runs."""

    CPU = "cpu"
    CUDA = "cuda"


class AllocatorName(enum.StrEnum):
    """How the C library treats freed memory."""

    STEADY = "steady"
    SYSTEM = "system"


Threads = Annotated[
    int | None,
    typer.Option(
        help="Compute with N threads within an operator. [default: the effective CPUs]",
        metavar="N",
        show_default=False,
    ),
]
Batch = Annotated[
    int,
    typer.Option(
        help="Put N images into a batch.",
        metavar="N",
    ),
]
Size = Annotated[
    str,
    typer.Option(
        help="Take images of this height and width, in pixels.",
        metavar="HxW",
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(
        help="Tell N classes apart: the channels of the logits. [default: 22]",
        metavar="N",
        show_default=False,
    ),
]
Input = Annotated[
    Path | None,
    typer.Option(
        help="Read this picture, resized and normalised, instead of seeded noise.",
        metavar="IMAGE",
        show_default=False,
    ),
]
DeviceOption = Annotated[
    DeviceName,
    typer.Option(
        help="Run on this device.",
    ),
]
RuntimeOption = Annotated[
    str,
    typer.Option(
        help="Run inference with this runtime: eager.",
        metavar="NAME",
    ),
]
AllocatorOption = Annotated[
    AllocatorName,
    typer.Option(
        help="steady keeps freed memory for the next call; system measures an untuned process, "
        "page faults included.",
    ),
]
Repeats = Annotated[
    int,
    typer.Option(
        help="Measure in N rounds, each in fresh processes; more make intervals narrower.",
        metavar="N",
    ),
]
LeastRepeats = Annotated[
    int | None,
    typer.Option(
        help="Measure in N rounds, each in fresh processes; in at least N with --precision or "
        "--max-time. [default: 3, and more until a minute is used up, and one for each network "
        "after the second]",
        metavar="N",
        show_default=False,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        help="Add rounds until the interval of every forward ratio is within P of it to either "
        "side, for at most --max-time or ten minutes: 2%.",
        metavar="P%",
        show_default=False,
    ),
]
MaxTime = Annotated[
    str | None,
    typer.Option(
        help="Add rounds until this time is used up: 90s, 5min. The first 3 rounds, or "
        "--repeats, are always measured.",
        metavar="TIME",
        show_default=False,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        help="Seed the weights, the noise and the order of measuring with N.",
        metavar="N",
    ),
]
Training = Annotated[
    bool,
    typer.Option(
        "--training/--no-training",
        help="Also time a training step: forward, backward and optimizer.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Refuse a network with operators that have no counting rule.",
    ),
]
FormatOption = Annotated[
    FormatName | None,
    typer.Option(
        "--format",
        help="Write in this format. [default: by the ending of --output, else table]",
        show_default=False,
    ),
]
Output = Annotated[
    list[Path] | None,
    typer.Option(
        help="Write into this file, whole or not at all; the terminal still shows the table. May "
        "be given several times: one run, several formats.",
        metavar="FILE",
        show_default=False,
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Overwrite FILE if it exists.",
    ),
]


def image_size(text: str) -> tuple[int, int]:
    """Read the value of ``--size``."""
    return parse_image_size(text)


def share(text: str | None, option: str) -> float | None:
    """Read a percentage such as that of ``--precision``; None stays None."""
    return None if text is None else parse_share(text, what=option)


def duration(text: str | None, option: str) -> float | None:
    """Read a time such as that of ``--max-time`` in seconds; None stays None."""
    return None if text is None else parse_duration(text, what=option)
