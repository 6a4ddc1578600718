"""Measurement settings, checked before anything is started."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self, get_args

from segbench.bounds import check_count, check_input
from segbench.errors import UsageError
from segbench.measurement.host.cpus import effective_cpus
from segbench.measurement.workers.protocol import Task
from segbench.results.candidate import EAGER, Candidate, RuntimeSpec, read_precision
from segbench.results.workload import DEFAULT, Allocator, Device, Workload
from segbench.runtimes import check_runtime
from segbench.runtimes.choices import ALL
from segbench.runtimes.graph_files import check_reads
from zoo.allowed import (
    allow_named,
    check_allowed,
    is_import_string,
    is_named_by_user,
    needs_allowing,
)
from zoo.registry import check_name
from zoo.spec import ModelSpec

RGB = 3  # channels of a picture
_COUNTS = ("batch", "seed", "channels")
_CHOICES = {"device": get_args(Device), "allocator": get_args(Allocator)}
_OF_WORKLOAD = frozenset(field.name for field in fields(Workload)) - {"input"}


@dataclass(frozen=True)
class Settings:
    """The workload, what a model without a runtime runs in, and the effort of one run.

    :func:`segbench.profile` has the meanings; :meth:`of` takes its names.

    Attributes:
        picture: what is read in place of noise.
        threads: None for as many as there are effective CPUs.
        runtime: of models that name none.

    Raises:
        UsageError: a value is out of its range.
    """

    workload: Workload = DEFAULT
    picture: Path | None = None
    threads: int | None = None
    runtime: RuntimeSpec = EAGER
    repeats: int = 3
    strict: bool = False

    def __post_init__(self) -> None:
        if self.threads is not None:
            check_count("threads", self.threads)
        check_count("repeats", self.repeats)
        _check_workload(self.workload)
        if self.picture is not None and self.workload.channels != RGB:
            raise UsageError(
                f"a picture has 3 channels and --channels says {self.workload.channels}; leave out "
                "--input to measure with noise"
            )
        check_runtime(self.runtime)

    @classmethod
    def of(cls, **values: Any) -> Self:  # noqa: ANN401 - each value is checked
        """Return settings from the names that commands and budget files use.

        >>> Settings.of(size=(360, 480), batch=2).workload.shape
        (2, 3, 360, 480)
        """
        return cls().with_values(**values)

    def with_values(self, **values: Any) -> Self:  # noqa: ANN401 - as above
        """Return the same with some values; ``size`` is (height, width), ``input`` a path."""
        own: dict[str, Any] = {}
        asked: dict[str, Any] = {}
        for name, value in values.items():
            if name == "size":
                if len(value) != 2:  # noqa: PLR2004 - height and width
                    raise UsageError(f"size must be (height, width) in pixels, got {value!r}")
                asked["height"], asked["width"] = value
            elif name == "input":
                own["picture"] = None if value is None else Path(value)
            elif name == "runtime" and isinstance(value, str):
                own["runtime"] = RuntimeSpec.parse(value)
            elif name == "threads" and isinstance(value, tuple | str):
                raise UsageError(
                    f"threads must be one whole number here, got {_listed(value)}; only compare "
                    "takes several"
                )
            elif name in _OF_WORKLOAD:
                asked[name] = value
            else:
                own[name] = value
        runtime = own.get("runtime", self.runtime)
        precision = own.pop("precision", None)
        if precision is not None and runtime.precision == EAGER.precision:
            runtime = replace(runtime, precision=read_precision(precision))
        head = own.pop("head", None)
        if head not in {None, EAGER.head} and "head" not in runtime.options:
            runtime = replace(runtime, options={**runtime.options, "head": head})
        own["runtime"] = runtime
        return replace(self, workload=replace(self.workload, **asked), **own)

    @property
    def thread_count(self) -> int:
        """The threads asked for: as many as there are effective CPUs, if none were named."""
        return self.threads or effective_cpus()

    def describe_input(self) -> str:
        """Return ``noise``, or the picture's name and checksum.

        Raises:
            UsageError: the picture cannot be read.
        """
        return "noise" if self.picture is None else describe_picture(self.picture)

    def candidate(self, model: str | ModelSpec | Candidate) -> Candidate:
        """Return what is measured of a model that may say no more than a network's name.

        Raises:
            ZooError: the model's text is malformed.
            UsageError: its runtime's is.
        """
        if isinstance(model, Candidate):
            return model
        if isinstance(model, ModelSpec):
            return Candidate(model, runtime=self.runtime)
        allow_named(model)
        return Candidate.parse(model, runtime=self.runtime)

    def task(self, model: str | ModelSpec | Candidate) -> Task:
        """Return what a worker is given for a model.

        Raises:
            ZooError: there is no such model, or nobody has allowed it to be imported.
            UsageError: the model's own class count is out of range, or it and the one asked for
                contradict each other.
        """
        candidate = self.candidate(model)
        spec = candidate.spec
        check_runtime(candidate.runtime)
        if candidate.is_graph:
            check_reads(Path(str(candidate.weights)), candidate.runtime.name)
            if candidate.runtime.options:
                names = ", ".join(candidate.runtime.options)
                raise UsageError(
                    f"graph file {candidate.weights!r} is run as it is, whatever {names} says; "
                    "leave it out"
                )
        else:
            check_name(spec.name)
            check_allowed(spec.name)
        own = spec.options.get("classes")
        if isinstance(own, int) and own > 0:  # what else it may be is its builder's to say
            check_count("classes", own)
        classes = self.workload.classes
        if own is not None and classes is not None and own != classes:
            raise UsageError(
                f"model {str(spec)!r} has {own} classes and --classes says {classes}; "
                "give only one of them"
            )
        return Task(
            candidate=candidate,
            workload=self.workload,
            threads=candidate.threads or self.thread_count,
            picture=None if self.picture is None else str(self.picture.resolve()),
            allow=_allowance(spec.name),
        )

    def tasks(self, models: Sequence[str | ModelSpec | Candidate]) -> list[Task]:
        """Return a task for each model.

        Raises:
            UsageError: no model is named, or one is named twice.
        """
        candidates = [self.candidate(model) for model in models]
        if not candidates:
            raise UsageError("no model was named; name some, or give --all")
        seen: set[Candidate] = set()
        for candidate in candidates:
            if candidate in seen:
                raise UsageError(f"model {str(candidate)!r} is named twice; name it once")
            seen.add(candidate)
        return [self.task(candidate) for candidate in candidates]


def _listed(value: tuple[int, ...] | str) -> str:
    return value if isinstance(value, str) else ",".join(map(str, value))


def thread_counts(threads: int | Sequence[int] | str | None) -> tuple[int, ...]:
    """Return the thread counts that are asked for; none where none is.

    Args:
        threads: one, several, or ``all``: powers of two up to the effective CPUs, and these.

    Raises:
        UsageError: one is out of its range, or given twice.

    >>> thread_counts(2), thread_counts((1, 2)), thread_counts(None)
    ((2,), (1, 2), ())
    """
    if threads is None:
        return ()
    if isinstance(threads, str):
        if threads != ALL:
            raise UsageError(f"threads must be whole numbers, or all, got {threads!r}")
        most = effective_cpus()
        return tuple(sorted({*(1 << power for power in range(most.bit_length())), most}))
    counts = (threads,) if isinstance(threads, int) else tuple(threads)
    for count in counts:
        check_count("threads", count)
    if len(set(counts)) < len(counts):
        raise UsageError(f"threads {_listed(counts)} name a number twice; name each once")
    return counts


def _check_workload(workload: Workload) -> None:
    for name in _COUNTS:
        check_count(name, getattr(workload, name))
    if workload.classes is not None:
        check_count("classes", workload.classes)
    batch, channels, height, width = workload.shape
    check_input(batch=batch, height=height, width=width, channels=channels)
    for name, allowed in _CHOICES.items():
        value = getattr(workload, name)
        if value not in allowed:
            raise UsageError(f"{name} must be {' or '.join(allowed)}, got {value!r}")


def read_spec(model: str | ModelSpec) -> ModelSpec:
    """Return the specification that a text stands for; what a text names may be imported.

    >>> read_spec("segfast, classes=12") == ModelSpec("segfast", {"classes": 12})
    True
    """
    if isinstance(model, ModelSpec):
        return model
    allow_named(model)
    return ModelSpec.parse(model)


def _allowance(name: str) -> tuple[str, ...]:
    """Return what a worker must let files name to import a model that is allowed here."""
    if not is_import_string(name):
        return ()
    if is_named_by_user(name):
        return (name,)
    # The allowed module that it is within: what it imports from elsewhere stays forbidden.
    parts = name.partition(":")[0].split(".")
    modules = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return tuple(module for module in modules if not needs_allowing(f"{module}:any"))[:1]


def describe_picture(path: Path) -> str:
    """Return the file's name and the SHA-256 of its content, once it is seen to be a picture.

    Raises:
        UsageError: there is no such file, or it is no whole picture that can be read.
    """
    # only pictures need Pillow
    from segbench.data.dataset_files import load_content  # noqa: PLC0415
    from segbench.data.pictures import MOST_PICTURE_BYTES, decode_picture  # noqa: PLC0415

    content = load_content(path, what="picture", most=MOST_PICTURE_BYTES)
    decode_picture(content, source=f"picture {str(path)!r}", mode="RGB")
    return f"{path.name} sha256:{hashlib.sha256(content).hexdigest()}"
