"""The options that several commands share, each with its unit and its effect."""

from __future__ import annotations

import enum
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import typer

from segbench.units import parse_duration, parse_image_size, parse_share
from zoo.allowed import allow_import, allow_named

ALL = "all"


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


class ProtocolName(enum.StrEnum):
    """What is done with void, and with classes that are not seen."""

    STRICT = "strict"
    VOID_AS_CLASS = "void-as-class"
    ADD_ONE = "add-one"
    TP_NONZERO = "tp-nonzero"


def _allow_imports(names: list[str] | None) -> list[str] | None:
    for name in names or ():
        allow_import(name)
    return names


def named(text: str | None) -> str | None:
    """Take a model or dataset from the command line: what is named there may be imported."""
    if text is not None:
        allow_named(text)
    return text


def all_named(texts: list[str] | None) -> list[str] | None:
    """Take several, see `named`."""
    for text in texts or ():
        allow_named(text)
    return texts


AllowImport = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-import",
        help="Let files name networks and datasets of this module or package, which is then "
        "imported. May be given several times.",
        metavar="MODULE",
        callback=_allow_imports,
        is_eager=True,
        show_default=False,
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
        help="Measure in N rounds, each in fresh processes; in at least N with --interval or "
        "--max-time. [default: 3, and more until a minute is used up, and one for each network "
        "after the second]",
        metavar="N",
        show_default=False,
    ),
]
IntervalOption = Annotated[
    str | None,
    typer.Option(
        "--interval",
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
Threads = Annotated[
    int | None,
    typer.Option(
        help="Compute with N threads within an operator. [default: the effective CPUs]",
        metavar="N",
        show_default=False,
    ),
]


def _thread_counts(text: str) -> int | tuple[int, ...] | str:
    """Read the value of ``--threads`` of a command that measures: a number, several, or ``all``."""
    if text.strip() == ALL:
        return ALL
    try:
        counts = tuple(int(piece) for piece in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no whole number, and no list of them such as 1,2"
        ) from None
    return counts if len(counts) > 1 else counts[0]


ThreadCounts = Annotated[
    Any,
    typer.Option(
        "--threads",
        help="Compute with N threads within an operator. compare takes several, or all: 1, 2, 4 "
        "and so on. [default: the effective CPUs]",
        metavar="N",
        parser=_thread_counts,
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
Channels = Annotated[
    int,
    typer.Option(
        help="Give the network N channels: 1 for grey images, 4 for those with depth or infrared.",
        metavar="N",
    ),
]
Logits = Annotated[
    str | None,
    typer.Option(
        help="Take this key, attribute or position of the network's output for its logits. "
        "[default: out, logits, else the first map]",
        metavar="NAME",
        show_default=False,
    ),
]
Enlarge = Annotated[
    bool,
    typer.Option(
        "--enlarge/--no-enlarge",
        help="Enlarge logits of a lower resolution to the size of the images, as a part of the "
        "network.",
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
        help="Run inference with this runtime, where a model names none: eager, compile, "
        "onnxruntime, openvino; see 'segbench runtimes'. compare takes several, or all.",
        metavar="NAME",
    ),
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        help="Compute inference with this precision, where a model names none: fp32, bf16. "
        "compare takes several, or all.",
        metavar="NAME",
    ),
]
HeadOption = Annotated[
    str,
    typer.Option(
        "--head",
        help="Hand out logits in this form, where a model names none: logits, logits-nhwc, argmax "
        "or argmax-strided. compare takes several, or all.",
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


def _workload(
    *,
    threads: ThreadCounts = None,
    batch: Batch = 1,
    size: Size = "224x224",
    classes: Classes = None,
    channels: Channels = 3,
    logits: Logits = None,
    enlarge: Enlarge = True,
    input: Input = None,  # noqa: A002 - the option's name
    device: DeviceOption = DeviceName.CPU,
    runtime: RuntimeOption = "eager",
    precision: PrecisionOption = "fp32",
    head: HeadOption = "logits",
    allocator: AllocatorOption = AllocatorName.STEADY,
) -> dict[str, Any]:
    """Return what was asked for, by the names of :meth:`Settings.of`."""
    return {
        "threads": threads,
        "batch": batch,
        "size": parse_image_size(size),
        "classes": classes,
        "channels": channels,
        "logits": logits,
        "enlarge": enlarge,
        "input": input,
        "device": device.value,
        "runtime": runtime,
        "precision": precision,
        "head": head,
        "allocator": allocator.value,
    }


Command = TypeVar("Command", bound=Callable[..., Any])


def with_workload(command: Command) -> Command:
    """Give a command the options of a workload, where it has the parameter ``workload``.

    It gets them as one mapping. Every command that measures has the same ones.
    """
    own = inspect.signature(command, eval_str=True)
    shared = inspect.signature(_workload, eval_str=True).parameters

    @functools.wraps(command)
    def expanded(**given: Any) -> Any:  # noqa: ANN401 - as the command
        asked = _workload(**{name: given.pop(name) for name in shared})
        return command(workload=asked, **given)

    parameters = [
        option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in own.parameters.items()
        for option in (shared.values() if name == "workload" else (parameter,))
    ]
    expanded.__dict__["__signature__"] = own.replace(parameters=parameters)
    expanded.__annotations__ = {each.name: each.annotation for each in parameters}
    return cast("Command", expanded)


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
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A network: a name that 'segbench models' lists, package.module:builder, or a JSON "
        "file; with options after commas: segfast,stem_width=48",
        callback=named,
        show_default=False,
    ),
]

Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL]...",
        help="Networks, written as for profile.",
        callback=all_named,
        show_default=False,
    ),
]

DatasetName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A dataset: a name that 'segbench data list' has, a folder with classes.csv, or "
        "package.module:opener.",
        callback=named,
        show_default=False,
    ),
]

DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        help="Look for datasets in this folder. [default: SEGBENCH_DATA, else the platform's "
        "folder for data]",
        metavar="FOLDER",
        show_default=False,
    ),
]

Recipe = Annotated[
    str,
    typer.Option(
        help="Train by this recipe: paper or modern; ingredients may be added: paper+flip, "
        "modern+lr=1e-3 for another learning rate."
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

Checkpoint = Annotated[
    str,
    typer.Argument(
        metavar="RUN|CHECKPOINT",
        help="A run's folder, for its best weights, a file of weights, or segfast-streets, which "
        "comes with segbench. A runtime may follow: runs/first@openvino:bf16.",
        show_default=False,
    ),
]


def image_size(text: str) -> tuple[int, int]:
    """Read the value of ``--size``."""
    return parse_image_size(text)


def share(text: str | None, option: str) -> float | None:
    """Read a percentage such as that of ``--interval``; None stays None."""
    return None if text is None else parse_share(text, what=option)


def duration(text: str | None, option: str) -> float | None:
    """Read a time such as that of ``--max-time`` in seconds; None stays None."""
    return None if text is None else parse_duration(text, what=option)
