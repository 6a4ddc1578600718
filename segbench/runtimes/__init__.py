"""Runtimes: engines that execute a network's inference; one file and one row of the table each."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from segbench.errors import NotInstalledError, UsageError
from segbench.results.candidate import HEADS, PRECISIONS
from zoo.errors import did_you_mean
from zoo.values import Value, write_value

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec
    from segbench.runtimes.executed_layers import ExecutedLayer


# Engines report their use as soon as they are imported, and keep a device's number in the home
# folder. Nothing that segbench runs does, unless the user has set these.
for _variable in ("ORT_DISABLE_TELEMETRY", "NNCF_CI"):
    os.environ.setdefault(_variable, "1")


class Session(Protocol):
    """A network that a runtime has made ready to run.

    Attributes:
        dtype: what it computes with as the engine says, by torch's name.
    """

    dtype: str

    def feed(self, images: Tensor, /) -> Any:  # noqa: ANN401 - of the engine's own
        """Return images (batch, channels, height, width) as the engine takes them.

        It is not timed, and copies nothing where the engine can read torch's memory.
        """
        ...

    def run(self, batch: Any, /) -> Any:  # noqa: ANN401 - of the engine's own
        """Run one inference of what :meth:`feed` returned; this is what is timed."""
        ...

    def output(self, found: Any, /) -> Any:  # noqa: ANN401 - whatever a network returns
        """Return what :meth:`run` returned as torch has it: what the module would have returned."""
        ...


class Prepare(Protocol):
    """Make a network ready to run in a runtime."""

    def __call__(
        self, model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None, /
    ) -> Session:
        """Return a session; ``images`` is an example of its input.

        What takes long once, such as compiling, belongs here and not into the first call. What was
        converted may be stored, for the processes of a candidate that follow.

        Args:
            store: a path without an ending that only this candidate has; None to store nothing.
        """
        ...


class ProfileLayers(Protocol):
    """Let a runtime say where the time of a network's inference goes."""

    def __call__(
        self,
        model: nn.Module,
        images: Tensor,
        spec: RuntimeSpec,
        store: Path | None,
        folder: Path,
        /,
    ) -> list[ExecutedLayer]:
        """Return what the engine executes, with the times of its own profile.

        Args:
            folder: for files of the engine, removed afterwards.
        """
        ...


@dataclass(frozen=True)
class Port:
    """Input or output of a graph.

    Attributes:
        shape: with None for a length that is not fixed; None where even their number is not.
        dtype: by numpy's name.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str


@dataclass(frozen=True)
class GraphCounts:
    """What a graph holds and does, by the rules of :mod:`segbench.runtimes.graph_counting`.

    Attributes:
        params: elements of its weights.
        weights_bytes: that they take in the file.
        macs: of one run; None where a length stays unknown.
        uncounted: operators that multiply and have no rule, with their number.
    """

    params: int
    weights_bytes: int
    macs: int | None
    uncounted: Mapping[str, int]


class GraphSession(Session, Protocol):
    """A graph file that a runtime has made ready to run.

    Attributes:
        inputs, outputs: of the graph, as the file has them.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


class Graphs(Protocol):
    """What a module has that writes and reads the graph files of a runtime."""

    SUFFIX: str

    def write(self, model: nn.Module, images: Tensor, path: Path, *, about: str) -> None:
        """Write a model as a graph file, for images of one shape, with a text of metadata."""
        ...

    def read(self, path: Path, spec: RuntimeSpec, shape: tuple[int, ...] | None) -> GraphSession:
        """Return a session of a file; lengths that are not fixed are those of the shape.

        Raises:
            UsageError: the file is damaged, or no graph that the engine runs.
        """
        ...

    def count(self, path: Path, shape: tuple[int, ...]) -> GraphCounts:
        """Count the weights of a file, and its multiply-accumulates for images of a shape."""
        ...


@dataclass(frozen=True)
class Runtime:
    """What is known of a runtime before it is imported.

    Attributes:
        prepare: import string of its :class:`Prepare`.
        precisions: that it can compute with.
        further: packages that one of these needs beside, which the extra of its name installs.
        options: its options with the values that each may have.
        packages: that must be installed for it, by the names that are imported.
        extra: of segbench that installs them.
        trains: whether it runs training steps too.
        runs_modules: whether it calls the network's own modules, so that hooks see their work.
        reads: endings of the graph files that it runs.
        graphs: import string of the module that writes and reads those (:class:`Graphs`).
        layers: import string of its :class:`ProfileLayers`, where its engine has a profile.
        compiles: whether it needs a C++ compiler, where nothing is stored yet.
        lowers: the rewritings of networks that it was measured to be faster with, some of
            :data:`REWRITINGS`, each with what a candidate must have for that.
    """

    prepare: str
    precisions: tuple[str, ...] = ("fp32",)
    further: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    extra: str = ""
    trains: bool = False
    runs_modules: bool = False
    reads: tuple[str, ...] = ()
    graphs: str = ""
    layers: str = ""
    compiles: bool = False
    lowers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


REWRITINGS = (
    "up-convolutions",
    "overlapping-up-convolutions",
    "dense-up-convolutions",
    "batch-norms",
    "padded-batch-norms",
    "argmax",
)
"""Rewritings of a network, in the order in which they are done; see `lowering.py`."""

RUNTIMES: dict[str, Runtime] = {
    "eager": Runtime(
        "segbench.runtimes.eager:prepare",
        precisions=("fp32", "bf16"),
        options={"layout": ("nchw", "nhwc")},
        trains=True,
        runs_modules=True,
    ),
    "compile": Runtime(
        "segbench.runtimes.compile:prepare",
        precisions=("fp32", "bf16"),
        compiles=True,
    ),
    "onnxruntime": Runtime(
        "segbench.runtimes.onnxruntime:prepare",
        packages=("onnxruntime", "onnx", "onnxscript"),
        extra="onnx",
        reads=(".onnx",),
        graphs="segbench.runtimes.onnx_graphs",
        layers="segbench.runtimes.onnxruntime_layers:profile_layers",
    ),
    "openvino": Runtime(
        "segbench.runtimes.openvino:prepare",
        precisions=("fp32", "bf16", "int8"),
        further={"int8": ("nncf",)},
        packages=("openvino",),
        extra="openvino",
        reads=(".xml", ".onnx"),
        graphs="segbench.runtimes.openvino_graphs",
        layers="segbench.runtimes.openvino_layers:profile_layers",
        lowers={
            "up-convolutions": {},
            "overlapping-up-convolutions": {"precision": "bf16", "head": "argmax"},
            "argmax": {},
        },
    ),
}


def check_runtime(spec: RuntimeSpec) -> None:
    """Refuse a runtime that there is not, or a precision or option that it has not.

    Raises:
        UsageError: naming what there is.
        NotInstalledError: its packages are missing.

    >>> from segbench.results.candidate import RuntimeSpec
    >>> check_runtime(RuntimeSpec("eager"))
    >>> check_runtime(RuntimeSpec("egger"))
    Traceback (most recent call last):
    segbench.errors.UsageError: unknown runtime 'egger'; did you mean 'eager'? (runtimes: eager, \
compile, onnxruntime, openvino)
    """
    row = find_runtime(spec.name)
    further = missing_packages(row, spec.precision)
    missing = (*missing_packages(row), *further)
    if missing:
        what, extra = (f" for {spec.precision}", spec.precision) if further else ("", row.extra)
        raise NotInstalledError(
            f"runtime {spec.name!r} needs {' and '.join(missing)}{what}, which is not installed "
            f"here; install it with: pip install 'segbench[{extra}]'"
        )
    if spec.precision not in row.precisions:
        raise UsageError(
            f"runtime {spec.name!r} does not compute with {spec.precision} "
            f"(precisions: {', '.join(row.precisions)})"
        )
    options = {"head": HEADS, "lower": (True, False), **row.options}
    for name, value in spec.options.items():
        if name not in options:
            raise UsageError(
                f"runtime {spec.name!r} has no option {name!r}{did_you_mean(name, options)} "
                f"(options: {', '.join(options)})"
            )
        if value not in options[name]:
            allowed = " or ".join(map(write_value, options[name]))
            raise UsageError(
                f"option {name!r} of runtime {spec.name!r} must be {allowed}, "
                f"got {write_value(value)}"
            )


def find_runtime(name: str) -> Runtime:
    """Return a row of the table.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in RUNTIMES:
        hint = did_you_mean(name, RUNTIMES)
        raise UsageError(f"unknown runtime {name!r}{hint} (runtimes: {', '.join(RUNTIMES)})")
    return RUNTIMES[name]


def can_train(spec: RuntimeSpec) -> bool:
    """Tell whether a runtime runs training steps too, which take single precision.

    >>> from segbench.results.candidate import RuntimeSpec
    >>> can_train(RuntimeSpec("eager")), can_train(RuntimeSpec("eager", "bf16"))
    (True, False)
    """
    return find_runtime(spec.name).trains and spec.precision == PRECISIONS[0]


def rewritings_of(spec: RuntimeSpec) -> tuple[str, ...]:
    """Return the rewritings that a network is given to a runtime with.

    >>> from segbench.results.candidate import RuntimeSpec
    >>> rewritings_of(RuntimeSpec("eager"))
    ()
    >>> rewritings_of(RuntimeSpec.parse("eager,lower=true")) == REWRITINGS
    True
    """
    if spec.lower is not None:
        return REWRITINGS if spec.lower else ()
    return tuple(
        name
        for name, wanted in find_runtime(spec.name).lowers.items()
        if all(getattr(spec, part) == value for part, value in wanted.items())
    )


def missing_packages(row: Runtime, precision: str | None = None) -> tuple[str, ...]:
    """Return the packages of a runtime that are not installed; none is imported.

    Args:
        precision: one whose further packages are meant; None for those of the runtime itself.
    """
    wanted = row.packages if precision is None else row.further.get(precision, ())
    return tuple(name for name in wanted if importlib.util.find_spec(name) is None)


def precisions_here(row: Runtime) -> tuple[str, ...]:
    """Return the precisions of a runtime whose packages are installed."""
    return tuple(each for each in row.precisions if not missing_packages(row, each))


def runtime_version(name: str) -> str | None:
    """Return the version of a runtime's engine; None where that is torch itself."""
    packages = find_runtime(name).packages
    return importlib.metadata.version(packages[0]) if packages else None


def graphs_of(name: str) -> Graphs:
    """Return what writes and reads the graph files of a runtime, which is imported."""
    return cast("Graphs", importlib.import_module(find_runtime(name).graphs))


def prepare(
    model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None = None
) -> Session:
    """Make a network ready to run in its runtime, which is imported."""
    make = cast("Prepare", _imported(find_runtime(spec.name).prepare))
    return make(model, images, spec, store)


def profile_layers(
    model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None, folder: Path
) -> list[ExecutedLayer]:
    """Return what a runtime's engine executes, by its own profile; see :class:`ProfileLayers`.

    Raises:
        UsageError: the runtime has no profile.
    """
    row = find_runtime(spec.name)
    if not row.layers:
        known = sorted(name for name, row in RUNTIMES.items() if row.layers or row.runs_modules)
        raise UsageError(
            f"runtime {spec.name!r} has no profile of its layers; measure layers with "
            f"{', '.join(known[:-1])} or {known[-1]}"
        )
    profile = cast("ProfileLayers", _imported(row.layers))
    return profile(model, images, spec, store, folder)


def _imported(name: str) -> object:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
