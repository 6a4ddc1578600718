"""Export: a network written as a graph file, once that is seen to compute what the network does."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import segbench
from segbench.data.scenes import LabelClass
from segbench.errors import MeasurementError, UsageError, WriteError, os_reason
from segbench.files import Claim, check_writable, fields_as, write_bytes
from segbench.measurement.assembly import judge_parity
from segbench.measurement.settings import Settings
from segbench.measurement.temporary import held_folder
from segbench.measurement.workers.supervisor import Worker
from segbench.progress import Progress, ignore_progress, timestamp
from segbench.results.candidate import GRAPH_RUNTIMES, calibration_of
from segbench.runtimes.graph_files import GraphMetadata, Takes
from segbench.runtimes.normalisation import DEVIATION, MEAN
from zoo.weights import read_metadata_of

if TYPE_CHECKING:
    from segbench.measurement.workers.protocol import Task
    from segbench.measurement.workers.replies import ExportReply, PortReply
    from segbench.results.candidate import Candidate
    from segbench.results.profile import Parity

SUFFIXES = {runtime: suffix for suffix, runtime in GRAPH_RUNTIMES.items()}
FORMATS = {"onnx": "onnxruntime", "openvino": "openvino"}
"""The runtime that a format is written for, and compared in."""
WEIGHTS_SUFFIX = ".bin"  # beside OpenVINO's .xml


@dataclass(frozen=True)
class Exported:
    """A graph file that was written.

    Attributes:
        paths: the file; OpenVINO's has another with the weights beside it.
        input, output: name, shape and type of each.
    """

    paths: tuple[Path, ...]
    size_bytes: int
    about: GraphMetadata
    input: PortReply
    output: PortReply
    parity: Parity


@dataclass(frozen=True)
class _Trained:
    """What a file of weights says of the data that they were trained on."""

    classes: tuple[LabelClass, ...]
    size: tuple[int, int]


def export(
    model: str | Candidate,
    out: Path,
    *,
    to: str,
    takes: Takes = "float",
    head: str | None = None,
    precision: str | None = None,
    size: tuple[int, int] | None = None,
    batch: int = 1,
    classes: int | None = None,
    seed: int = 0,
    force: bool = False,
    progress: Progress = ignore_progress,
) -> Exported:
    """Write a network as a graph file that an engine runs.

    The file is read again and compared with eager on drawn street scenes, and gets its name only
    where it is right. It says its classes, its size and how images are normalised.

    Args:
        model: a network, or trained weights; a runtime that it names must be the format's.
        to: ``onnx`` or ``openvino``.
        takes: ``float`` for normalised images, ``uint8`` for the bytes of pixels.
        head: the form of what it hands out, ``logits`` if neither this nor the model says.
        precision: that it is compared in; a property of compiling, and only advice in the file.
        size: height and width in pixels; that of training if None, else 224x224.
        classes: channels of the logits of a network that was not trained.
        seed: of the weights of such a network.

    Raises:
        UsageError: the model, a value or the file's name is not one that can be exported.
        MeasurementError: the graph computes something else, or the network failed.
        WriteError: the file cannot be written.
    """
    runtime = _runtime_of(to, takes)
    candidate = Settings.of(runtime=runtime, precision=precision, head=head).candidate(model)
    if candidate.is_graph:
        raise UsageError(f"{str(candidate)!r} is a graph file already; name a network or weights")
    if candidate.runtime.name != runtime:
        raise UsageError(
            f"{str(candidate)!r} names the runtime {candidate.runtime.name!r}, and --to {to} is "
            f"for {runtime!r}; leave one of them out"
        )
    calibration = calibration_of(candidate)
    if calibration is not None:
        raise UsageError(
            f"{str(candidate)!r} would be calibrated on {calibration}, and its parity is not "
            "judged; export it in single precision"
        )
    trained = _trained(candidate)
    height_width = size or (trained.size if trained else (224, 224))
    settings = Settings.of(size=height_width, batch=batch, classes=classes, seed=seed)
    task = settings.task(candidate)
    paths = _paths(out, SUFFIXES[runtime])
    for path in paths:
        check_writable(path, force=force)
    claims = [Claim(path) for path in paths]
    with held_folder("segbench-export-", holds=r"graph\.\w+") as folder:
        found, about = _write(task, folder / "graph", takes, trained, progress)
        parity = judge_parity(found["parity"], candidate.runtime, images="streets")
        if not parity.is_right:
            raise MeasurementError(
                f"the graph of {str(candidate)!r} computes something else: {parity.describe()}; "
                "nothing was written"
            )
        progress("writing", 2, 3)
        contents = [(folder / f"graph{path.suffix}").read_bytes() for path in paths]
    _place(paths, contents, force=force)
    for claim in claims:
        claim.release()
    return Exported(
        paths=paths,
        size_bytes=sum(map(len, contents)),
        about=about,
        input=found["input"],
        output=found["output"],
        parity=parity,
    )


def _runtime_of(to: str, takes: str) -> str:
    if to not in FORMATS:
        raise UsageError(f"there is no format {to!r} to export to (formats: {', '.join(FORMATS)})")
    if takes not in get_args(Takes):
        raise UsageError(
            f"a graph takes {' or '.join(get_args(Takes))} as its input, got {takes!r}"
        )
    return FORMATS[to]


def _trained(candidate: Candidate) -> _Trained | None:
    if candidate.weights is None:
        return None
    said = read_metadata_of(candidate.weights)
    fields = {"classes": said.get("classes"), "size": said.get("job", {}).get("size")}
    return fields_as(fields, _Trained, source=f"the checkpoint {candidate.weights!r}")


def _paths(out: Path, suffix: str) -> tuple[Path, ...]:
    """Return the files that are written.

    Raises:
        UsageError: the name has another ending than the format's.
    """
    if out.suffix != suffix:
        raise UsageError(f"the file is called {str(out)!r}, and must end in {suffix}")
    if suffix == SUFFIXES["openvino"]:
        return out, out.with_suffix(WEIGHTS_SUFFIX)
    return (out,)


def _write(
    task: Task, path: Path, takes: Takes, trained: _Trained | None, progress: Progress
) -> tuple[ExportReply, GraphMetadata]:
    """Let a worker write the files, and compare them with the network."""
    candidate = task.candidate
    progress("building", 0, 3)
    with Worker(task, "export", then={"do": "inspect"}) as worker:
        seen = worker.receive()
        about = GraphMetadata(
            model=str(seen["model"]),
            weights=candidate.weights,
            classes=None if trained is None else trained.classes,
            outputs=int(seen["outputs"]),
            size=task.workload.size,
            takes=takes,
            head=candidate.runtime.head,
            mean=MEAN,
            deviation=DEVIATION,
            precision=candidate.runtime.precision,
            segbench=segbench.__version__,
            created=timestamp(),
        )
        progress("exporting and comparing", 1, 3)
        reply = worker.ask("export", path=str(path), takes=takes, about=about.to_text())
    return cast("ExportReply", reply), about


def _place(paths: tuple[Path, ...], contents: list[bytes], *, force: bool) -> None:
    """Give the files their names; one that is read through another comes before it.

    A graph whose weights are in a file beside it is taken away first where it is replaced: at no
    moment there is a graph with the weights of another.
    """
    graph, *beside = paths
    if beside and force:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(graph)  # noqa: PTH108 - a link is taken away, not its target
        except OSError as error:
            raise WriteError(f"cannot write {str(graph)!r}: {os_reason(error)}") from error
    for path, content in reversed(list(zip(paths, contents, strict=True))):
        write_bytes(path, content, force=force)
