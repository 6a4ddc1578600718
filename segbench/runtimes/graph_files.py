"""Graph files: networks that were exported, and what such a file says of itself."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from segbench.data.scenes import LabelClass
from segbench.errors import UsageError, one_line
from segbench.files import parse_as
from segbench.quantities import Number
from segbench.results.candidate import GRAPH_RUNTIMES, RuntimeSpec
from segbench.runtimes import RUNTIMES, check_runtime, find_runtime
from zoo.files import FileError, read_text

GRAPH_SCHEMA = "segbench/graph/1"
GRAPH_KEY = "segbench"  # of the metadata in a file
MOST_BYTES = 4 << 30  # of a file; one of ONNX holds no more than 2 GiB in itself
Takes = Literal["float", "uint8"]


@dataclass(frozen=True, kw_only=True)
class GraphMetadata:
    """What a graph file that segbench has exported says of itself.

    Attributes:
        model: the network, as text.
        weights: the run or file that its weights are of; None where they were drawn.
        classes: with their colours, by id; None where the network was not trained.
        outputs: channels of its logits, whatever it hands out.
        size: height and width of its images.
        takes: ``float`` for normalised values (batch, 3, height, width), ``uint8`` for pixels
            (batch, height, width, 3).
        head: the form of what it hands out.
        mean, deviation: of each channel, of values in 0..1, by which images are normalised.
        precision: that it was found right in; a property of compiling, and not of the file.
    """

    model: str
    weights: str | None
    classes: tuple[LabelClass, ...] | None
    outputs: Number
    size: tuple[Number, Number]
    takes: Takes
    head: str
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    precision: str
    segbench: str
    created: str
    schema: str = GRAPH_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != GRAPH_SCHEMA:
            raise UsageError(f"schema {self.schema!r} is none that this version reads")

    def to_text(self) -> str:
        """Return it as JSON."""
        return json.dumps(dataclasses.asdict(self), allow_nan=False)


def read_metadata(path: Path) -> GraphMetadata | None:
    """Return what a graph file says of itself; None where segbench has not exported it.

    Raises:
        UsageError: the file cannot be read, is damaged, or needs a package that is not installed.
    """
    said = _in_xml(path) if path.suffix == ".xml" else _in_onnx(path)
    if said is None:
        return None
    return parse_as(said, GraphMetadata, source=f"the graph file {str(path)!r}")


def _in_onnx(path: Path) -> str | None:
    check_reads(path)
    import onnx  # noqa: PLC0415 - an extra

    check_is_file(path)
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # whatever protobuf raises on what is no message
        raise damaged(path, error) from error
    return next((each.value for each in model.metadata_props if each.key == GRAPH_KEY), None)


def _in_xml(path: Path) -> str | None:
    import xml.etree.ElementTree as ET  # noqa: PLC0415 - expat refuses entities that explode

    check_is_file(path)
    try:
        root = ET.fromstring(read_text(path, what="graph file"))  # noqa: S314
    except FileError as error:
        raise UsageError(str(error)) from error
    except ET.ParseError as error:
        raise damaged(path, error) from error
    found: Any = root.find(f"./rt_info/{GRAPH_KEY}")
    return None if found is None else found.get("value")


def check_is_file(path: Path) -> None:
    """Refuse what is no regular file.

    Raises:
        UsageError: it is missing, or a folder, a device or a pipe.
    """
    if not path.exists():
        raise UsageError(f"there is no graph file {str(path)!r}")
    if not path.is_file():
        raise UsageError(f"cannot read the graph file {str(path)!r}: it is no regular file")
    if path.stat().st_size > MOST_BYTES:
        raise UsageError(f"the graph file {str(path)!r} is larger than {MOST_BYTES >> 30} GiB")


def check_reads(path: Path, runtime: str | None = None) -> None:
    """Refuse a runtime that cannot read a graph file, or is not installed.

    Raises:
        UsageError: it cannot.
        NotInstalledError: its packages are missing.
    """
    name = GRAPH_RUNTIMES[path.suffix] if runtime is None else runtime
    if path.suffix not in find_runtime(name).reads:
        able = [each for each, other in RUNTIMES.items() if path.suffix in other.reads]
        raise UsageError(
            f"runtime {name!r} reads no {path.suffix} files; measure {str(path)!r} with "
            f"{' or '.join(able)}"
        )
    check_runtime(RuntimeSpec(name))


def damaged(path: Path, error: Exception) -> UsageError:
    """Return what is said of a file that is no whole graph."""
    return UsageError(
        f"cannot read the graph file {str(path)!r}: it is damaged, or none "
        f"({one_line(str(error)) or type(error).__name__})"
    )
