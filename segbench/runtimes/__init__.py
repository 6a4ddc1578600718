"""Runtimes: engines that execute a network's inference; one file and one row of the table each."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from segbench.errors import UsageError
from segbench.results.candidate import HEADS, PRECISIONS
from zoo.errors import did_you_mean
from zoo.values import Value, write_value

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec


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


@dataclass(frozen=True)
class Runtime:
    """What is known of a runtime before it is imported.

    Attributes:
        prepare: import string of its :class:`Prepare`.
        precisions: that it can compute with.
        options: its options with the values that each may have.
        packages: that must be installed for it, by the names that are imported.
        extra: of segbench that installs them.
        trains: whether it runs training steps too.
        runs_modules: whether it calls the network's own modules, so that hooks see their work.
        lowers: the rewritings of networks that it was measured to be faster with, some of
            :data:`REWRITINGS`.
    """

    prepare: str
    precisions: tuple[str, ...] = ("fp32",)
    options: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    extra: str = ""
    trains: bool = False
    runs_modules: bool = False
    lowers: tuple[str, ...] = ()


REWRITINGS = ("up-convolutions", "dense-up-convolutions", "batch-norms", "padded-batch-norms")
"""Rewritings of a network, in the order in which they are done; see `lowering.py`."""

RUNTIMES: dict[str, Runtime] = {
    "eager": Runtime(
        "segbench.runtimes.eager:prepare",
        precisions=("fp32", "bf16"),
        options={"layout": ("nchw", "nhwc")},
        trains=True,
        runs_modules=True,
    ),
    "onnxruntime": Runtime(
        "segbench.runtimes.onnxruntime:prepare",
        packages=("onnxruntime", "onnx", "onnxscript"),
        extra="onnx",
    ),
    "openvino": Runtime(
        "segbench.runtimes.openvino:prepare",
        precisions=("fp32", "bf16"),
        packages=("openvino",),
        extra="openvino",
        lowers=("up-convolutions",),
    ),
}


def check_runtime(spec: RuntimeSpec) -> None:
    """Refuse a runtime that there is not, or a precision or option that it has not.

    Raises:
        UsageError: naming what there is.

    >>> from segbench.results.candidate import RuntimeSpec
    >>> check_runtime(RuntimeSpec("eager"))
    >>> check_runtime(RuntimeSpec("egger"))
    Traceback (most recent call last):
    segbench.errors.UsageError: unknown runtime 'egger'; did you mean 'eager'? (runtimes: eager, \
onnxruntime, openvino)
    """
    row = find_runtime(spec.name)
    missing = missing_packages(row)
    if missing:
        raise UsageError(
            f"runtime {spec.name!r} needs {' and '.join(missing)}, which is not installed here; "
            f"install it with: pip install 'segbench[{row.extra}]'"
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
    if spec.lower is None:
        return find_runtime(spec.name).lowers
    return REWRITINGS if spec.lower else ()


def missing_packages(row: Runtime) -> tuple[str, ...]:
    """Return the packages of a runtime that are not installed; none is imported."""
    return tuple(name for name in row.packages if importlib.util.find_spec(name) is None)


def runtime_version(name: str) -> str | None:
    """Return the version of a runtime's engine; None for eager, which is torch itself."""
    packages = find_runtime(name).packages
    return importlib.metadata.version(packages[0]) if packages else None


def prepare(
    model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None = None
) -> Session:
    """Make a network ready to run in its runtime, which is imported."""
    module, _, attribute = find_runtime(spec.name).prepare.partition(":")
    make = cast("Prepare", getattr(importlib.import_module(module), attribute))
    return make(model, images, spec, store)
