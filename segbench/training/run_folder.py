"""Run folder: job, history, best and last weights of a training run.

    run.json            job, network, classes, machine, and whether auxiliary heads trained
    history.csv         one epoch a line; speed.csv: the seconds of each
    curves.png          loss and mIoU over the epochs
    last.safetensors    weights, optimizer and history after the last epoch, for a resume; the
                        weights of auxiliary heads are here alone
    best.safetensors    weights of the best epoch, for prediction
    confusion.csv       of the best epoch on validation

Each file is written whole or not at all. The last weights are written after the best, and the other
files can be made from them. So a run that is killed loses the epoch it was in, and nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from segbench.data.scenes import VOID, LabelClass
from segbench.errors import UsageError
from segbench.files import (
    is_partial,
    is_unused,
    lock_folder,
    parse_as,
    read_as,
    write_bytes,
    write_text,
)
from segbench.results.profile import Model
from segbench.training.config import Job
from segbench.training.history import Epoch, Speed
from zoo.weights import METADATA

if TYPE_CHECKING:
    import torch
    from filelock import BaseFileLock

RUN_SCHEMA = "segbench/run/1"

Tensors = Mapping[str, "torch.Tensor"]
Metadata = TypeVar("Metadata")


@dataclass(frozen=True)
class TeacherFile:
    """Weights that a run learns from.

    Attributes:
        weights: as they were named.
        sha256: digest of their file.
    """

    weights: str
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class RunMetadata:
    """Content of ``run.json`` that is read again.

    Attributes:
        recipe: settings at the beginning of the run.
        auxiliary_params: parameters of auxiliary heads; None where none trained.
        environment: the machine that it was begun on.
        teachers: what it learns from, each with the digest of its file.
    """

    schema: str
    job: Job
    recipe: dict[str, Any]
    auxiliary_params: int | None = None
    environment: dict[str, Any] | None = None
    teachers: tuple[TeacherFile, ...] = ()

    def __post_init__(self) -> None:
        if self.schema != RUN_SCHEMA:
            raise UsageError(f"schema {self.schema!r} is none that this version reads")

    @property
    def machine(self) -> str | None:
        """The CPU that the run was begun on, with how many there are; None if it does not say."""
        said = self.environment or {}
        cpu, count = said.get("cpu_model"), said.get("effective_cpus")
        return None if cpu is None or count is None else f"{cpu}, {count} CPUs"


@dataclass(frozen=True)
class WeightsMetadata:
    """Metadata of a file of weights.

    Attributes:
        classes: of the data, by id, without void.
        job: of the run.
        epoch: figures of their epoch.
    """

    model: Model
    classes: tuple[LabelClass, ...]
    job: Job
    epoch: Epoch | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.classes) <= VOID:
            raise UsageError(f"it has {len(self.classes)} classes; 1 to {VOID} can be told apart")


@dataclass(frozen=True)
class StateMetadata:
    """Metadata of the state of a run: figures and seconds of its epochs."""

    history: tuple[Epoch, ...]
    speeds: tuple[Speed, ...]


@dataclass(frozen=True)
class RunFolder:
    """Paths and files of a run."""

    path: Path

    @property
    def about(self) -> Path:
        """Description of the run."""
        return self.path / "run.json"

    @property
    def is_begun(self) -> bool:
        """Whether there is a run to resume."""
        return self.about.is_file()

    @property
    def last(self) -> Path:
        """State after the last epoch."""
        return self.path / "last.safetensors"

    @property
    def best(self) -> Path:
        """Weights of the best epoch."""
        return self.path / "best.safetensors"

    def create(self, about: dict[str, Any]) -> BaseFileLock:
        """Create and lock the folder.

        Raises:
            UsageError: it exists and is not empty, or cannot be written.
        """
        self.check_free()
        lock = lock_folder(self.path)
        self.clear()
        self.write(self.about.name, json.dumps({"schema": RUN_SCHEMA, **about}, indent=1) + "\n")
        return lock

    def check_free(self) -> None:
        """Refuse a folder that holds anything.

        Raises:
            UsageError: it holds something.
        """
        if os.path.lexists(self.path) and not is_unused(self.path):
            raise UsageError(
                f"{str(self.path)!r} exists already; add --resume to go on with it, or name "
                "another folder with --out"
            )

    def read(self) -> RunMetadata:
        """Return the description of the run.

        Raises:
            UsageError: the folder is no run, or one of a newer version.
        """
        if not self.is_begun:
            raise UsageError(
                f"{str(self.path)!r} is no run: it has no run.json; train one with segbench train"
            )
        return read_as(self.about, RunMetadata, what="run")

    def check_job(self, job: Job) -> None:
        """Refuse to go on with a run of another job, or by a recipe that has changed since.

        Raises:
            UsageError: it is one, or the folder is no run.
        """
        begun = self.read()
        found = begun.job.differences(job)
        if found:
            raise UsageError(
                f"cannot go on with {str(self.path)!r}: {'; '.join(found)}; give the options that "
                "it was begun with"
            )
        changes = job.effective_recipe.changes_since(begun.recipe)
        if changes:
            raise UsageError(
                f"cannot go on with {str(self.path)!r}: since it was begun, the recipe "
                f"{job.recipe} has changed: {'; '.join(changes)}; train anew into another folder"
            )

    def check_teachers(self, files: tuple[TeacherFile, ...]) -> None:
        """Refuse to go on with a run whose teachers have changed since it was begun.

        Raises:
            UsageError: one has, or the folder is no run.
        """
        before = self.read().teachers
        for each in files:
            if each not in before:
                raise UsageError(
                    f"cannot go on with {str(self.path)!r}: since it was begun, the teacher "
                    f"{each.weights!r} has changed; bring its weights back, or train anew into "
                    "another folder"
                )

    def clear(self) -> None:
        """Remove files that a killed process left half-written."""
        for path in self.path.iterdir():
            if is_partial(path):
                path.unlink()

    def write(self, name: str, text: str) -> None:
        """Write one of the text files, replacing the one there.

        Raises:
            UsageError: it cannot be written.
        """
        write_text(self.path / name, text, force=True)


def write_checkpoint(path: Path, tensors: Tensors, about: dict[str, Any]) -> None:
    """Write tensors and metadata; the file is either whole or as it was before.

    Raises:
        WriteError: it cannot be written.
    """
    from safetensors.torch import save  # noqa: PLC0415 - it takes torch

    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # As bytes: the library's own writer leaves a file of another name if it is killed.
    write_bytes(path, save(whole, {METADATA: json.dumps(about, allow_nan=False)}), force=True)


def read_checkpoint(path: Path, kind: type[Metadata]) -> tuple[dict[str, torch.Tensor], Metadata]:
    """Return the tensors and metadata of a checkpoint.

    Args:
        kind: of the metadata, `WeightsMetadata` or `StateMetadata`.

    Raises:
        UsageError: it is missing, damaged, or not one of segbench's.
    """
    from segbench.runtimes.weights import read_tensors  # noqa: PLC0415 - it takes torch

    tensors, said = read_tensors(path)
    return tensors, parse_as(said, kind, source=f"the checkpoint {str(path)!r}")
