"""The keys of a workload in a budget file, and what each may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeGuard, get_args

from segbench.errors import UsageError
from segbench.results import Allocator, Device
from segbench.units import parse_image_size

WorkloadValue: TypeAlias = int | str | tuple[int, int] | Path


def read_workload_value(key: str, value: object, *, folder: Path) -> WorkloadValue:
    """Return what a key of `WORKLOAD_KEYS` stands for.

    Args:
        folder: where a picture's path begins.

    Returns:
        For ``size`` (height, width) in pixels, for ``input`` the path of a picture that is there.

    Raises:
        UsageError: the value is of a wrong type, out of range, or no file.

    >>> read_workload_value("size", "360x480", folder=Path())
    (360, 480)
    """
    if key == "input":
        return _picture(folder / read_text(key, value, example="street.png"))
    return _READERS[key](key, value)


def read_text(name: str, value: object, *, example: str) -> str:
    """Return a text without the spaces around it.

    Raises:
        UsageError: it is no text, or empty.

    >>> read_text("model", " segfast ", example="segnet")
    'segfast'
    """
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{name} must be text in quotes, such as '{example}', got {value!r}")
    return value.strip()


def _size(key: str, value: object) -> tuple[int, int]:
    return parse_image_size(read_text(key, value, example="360x480"))


def _positive(key: str, value: object) -> int:
    if not _is_whole(value) or value < 1:
        raise UsageError(f"{key} must be a positive whole number, got {value!r}")
    return value


def _seed(key: str, value: object) -> int:
    if not _is_whole(value) or value < 0:
        raise UsageError(f"{key} must be a whole number of 0 or more, got {value!r}")
    return value


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _one_of(*choices: str) -> Callable[[str, object], str]:
    def read(key: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise UsageError(f"{key} must be {' or '.join(choices)}, got {value!r}")
        return value

    return read


def _runtime(key: str, value: object) -> str:
    # Which runtimes there are is known where networks are run; Settings refuses others.
    return read_text(key, value, example="eager")


def _picture(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(
            f"there is no picture {str(path)!r}; give its path from this file's folder"
        )
    return path


_READERS: dict[str, Callable[[str, object], WorkloadValue]] = {
    "size": _size,
    "batch": _positive,
    "threads": _positive,
    "classes": _positive,
    "device": _one_of(*get_args(Device)),
    "runtime": _runtime,
    "allocator": _one_of(*get_args(Allocator)),
    "seed": _seed,
}
WORKLOAD_KEYS = (*_READERS, "input")
