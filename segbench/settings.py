"""What a measurement is asked to do, checked before anything is started."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segbench.cpus import effective_cpus
from segbench.errors import UsageError
from segbench.protocol import Task
from segbench.results import Allocator, Device
from segbench.runtimes import check_runtime
from zoo.registry import check_name
from zoo.spec import ModelSpec

MAX_CLASSES = 65_536


@dataclass(frozen=True)
class Settings:
    """The workload and the effort of one run; see :func:`segbench.profile` for the meanings.

    Raises:
        UsageError: a value is out of its range.
    """

    threads: int | None = None
    batch: int = 1
    size: tuple[int, int] = (224, 224)
    classes: int | None = None
    input: str | Path | None = None
    device: Device = "cpu"
    runtime: str = "eager"
    allocator: Allocator = "steady"
    repeats: int = 3
    seed: int = 0
    strict: bool = False

    def __post_init__(self) -> None:
        numbers = {
            "threads": self.threads,
            "batch": self.batch,
            "height": self.size[0],
            "width": self.size[1],
            "classes": self.classes,
            "repeats": self.repeats,
        }
        for name, number in numbers.items():
            if number is not None and number < 1:
                raise UsageError(f"{name} must be a positive whole number, got {number}")
        if self.seed < 0:
            raise UsageError(f"seed must be 0 or more, got {self.seed}")
        check_runtime(self.runtime)
        for name, value, allowed in (
            ("device", self.device, ("cpu", "cuda")),
            ("allocator", self.allocator, ("steady", "system")),
        ):
            if value not in allowed:
                raise UsageError(f"{name} must be {' or '.join(allowed)}, got {value!r}")

    @property
    def thread_count(self) -> int:
        """The threads asked for: as many as there are effective CPUs, if none were named."""
        return self.threads or effective_cpus()

    def describe_input(self) -> str:
        """Return ``noise``, or the picture's name and checksum.

        Raises:
            UsageError: the picture cannot be read.
        """
        return "noise" if self.input is None else describe_picture(Path(self.input))

    def task(self, model: str | ModelSpec) -> Task:
        """Return what a worker is given for a model.

        Raises:
            ZooError: there is no such model.
            UsageError: the model's own class count and the one asked for contradict each other.
        """
        spec = read_spec(model)
        check_name(spec.name)
        options = spec.to_json()["options"]
        own = options.get("classes")
        if own is not None and self.classes is not None and own != self.classes:
            raise UsageError(
                f"model {str(spec)!r} has {own} classes and --classes says {self.classes}; "
                "give only one of them"
            )
        return Task(
            name=spec.name,
            options=options,
            batch=self.batch,
            height=self.size[0],
            width=self.size[1],
            classes=self.classes,
            device=self.device,
            runtime=self.runtime,
            allocator=self.allocator,
            threads=self.thread_count,
            input=None if self.input is None else str(Path(self.input).resolve()),
            seed=self.seed,
        )

    def tasks(self, models: Sequence[str | ModelSpec]) -> list[Task]:
        """Return a task for each model.

        Raises:
            UsageError: no model is named, or one is named twice.
        """
        specs = [read_spec(model) for model in models]
        if not specs:
            raise UsageError("no model was named; name some, or give --all")
        for position, spec in enumerate(specs):
            if spec in specs[:position]:
                raise UsageError(f"model {str(spec)!r} is named twice; name it once")
        return [self.task(spec) for spec in specs]


def read_spec(model: str | ModelSpec) -> ModelSpec:
    """Return the specification that a text stands for.

    >>> read_spec("segfast, classes=12") == ModelSpec("segfast", {"classes": 12})
    True
    """
    return ModelSpec.parse(model) if isinstance(model, str) else model


def describe_picture(path: Path) -> str:
    """Return the file's name and the SHA-256 of its content.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """
    try:
        return f"{path.name} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"cannot read picture {str(path)!r}: {reason.lower()}") from error
