"""The folder of a run: what was asked for, every epoch, the best and the last weights.

    run.json            the job, the network, the classes, the machine
    history.csv         an epoch a line; speed.csv: how long each took
    curves.png          loss and mIoU over the epochs
    last.safetensors    weights, optimizer and history after the last epoch: what resuming needs
    best.safetensors    the weights of the best epoch, and all that prediction needs
    confusion.csv       of the best epoch on validation

Each file is written whole or not at all. The last weights are written after the best, and all else
can be made from them; so a run that is killed loses the epoch it was in, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.errors import UsageError
from segbench.folder_lock import lock_folder
from segbench.pretrained import PRETRAINED
from segbench.store import whole_file, write_text
from zoo.errors import did_you_mean

if TYPE_CHECKING:
    import torch
    from filelock import BaseFileLock

RUN_SCHEMA = "segbench/run/1"
METADATA = "segbench"  # the key of what a checkpoint says of itself

Tensors = Mapping[str, "torch.Tensor"]


@dataclass(frozen=True)
class RunFolder:
    """Where a run is kept."""

    path: Path

    @property
    def about(self) -> Path:
        """What the run is."""
        return self.path / "run.json"

    @property
    def is_begun(self) -> bool:
        """Whether there is a run to go on with."""
        return self.about.exists()

    @property
    def last(self) -> Path:
        """The state after the last epoch."""
        return self.path / "last.safetensors"

    @property
    def best(self) -> Path:
        """The weights of the best epoch."""
        return self.path / "best.safetensors"

    def create(self, about: dict[str, Any]) -> BaseFileLock:
        """Make the folder, and keep other processes out of it.

        Raises:
            UsageError: something is there already, or it cannot be written.
        """
        if self.path.exists() and not self._is_empty():
            raise UsageError(
                f"{str(self.path)!r} exists already; add --resume to go on with it, or name "
                "another folder with --out"
            )
        lock = lock_folder(self.path)
        self.clear()
        self.write(self.about.name, json.dumps({"schema": RUN_SCHEMA, **about}, indent=1) + "\n")
        return lock

    def _is_empty(self) -> bool:
        """Tell whether a folder holds nothing, or only what a killed process left half-written."""
        return self.path.is_dir() and all(path.name.startswith(".") for path in self.path.iterdir())

    def read(self) -> dict[str, Any]:
        """Return what the run is.

        Raises:
            UsageError: the folder is no run, or one of a newer version.
        """
        try:
            about: dict[str, Any] = json.loads(self.about.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise UsageError(
                f"{str(self.path)!r} is no run: it has no run.json; train one with segbench train"
            ) from error
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read {str(self.about)!r}: {error}") from error
        if about.get("schema") != RUN_SCHEMA:
            raise UsageError(
                f"{str(self.about)!r} has the schema {about.get('schema')!r}; this version reads "
                f"{RUN_SCHEMA!r}"
            )
        return about

    def clear(self) -> None:
        """Remove what a killed process left half-written."""
        for partial in self.path.glob(".*.*"):
            partial.unlink()

    def write(self, name: str, text: str) -> None:
        """Write one of the text files, in place of what it was.

        Raises:
            UsageError: it cannot be written.
        """
        write_text(self.path / name, text, force=True)


def write_checkpoint(path: Path, tensors: Tensors, about: dict[str, Any]) -> None:
    """Write tensors and what they are, so that the file is either whole or as it was before.

    Raises:
        UsageError: it cannot be written.
    """
    from safetensors import SafetensorError  # noqa: PLC0415 - it takes torch
    from safetensors.torch import save_file  # noqa: PLC0415

    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with whole_file(path, force=True) as partial:
        try:
            save_file(whole, partial, metadata={METADATA: json.dumps(about)})
        except SafetensorError as error:  # it wraps what the system said
            raise UsageError(f"cannot write {str(path)!r}: {str(error).lower()}") from error


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors of a checkpoint and what they are.

    Raises:
        UsageError: it is not there, damaged, or not one of segbench's.
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - it takes torch

    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(METADATA, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no checkpoint {str(path)!r}{did_you_mean(str(path), PRETRAINED)} (name a "
            f"run's folder, a file of weights, or one that comes along: {', '.join(PRETRAINED)})"
        ) from error
    except (OSError, SafetensorError, ValueError) as error:
        raise UsageError(
            f"cannot read the checkpoint {str(path)!r}: it is damaged, or no safetensors file "
            f"({str(error).lower()})"
        ) from error
    if not isinstance(about, dict):
        raise UsageError(
            f"the checkpoint {str(path)!r} does not say which network it is of; "
            "give one that segbench train wrote"
        )
    return tensors, about
