"""Keys of a workload in a budget file, and the values that each may have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias, TypeGuard, get_args, get_origin, get_type_hints

from segbench.errors import UsageError
from segbench.results.workload import Workload
from segbench.units import parse_image_size

WorkloadValue: TypeAlias = int | str | tuple[int, int] | Path
_Read: TypeAlias = Callable[[str, object], WorkloadValue]


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


def _one_of(*choices: str) -> _Read:
    def read(key: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise UsageError(f"{key} must be {' or '.join(choices)}, got {value!r}")
        return value

    return read


def _runtime(key: str, value: object) -> str:
    # Which runtimes there are is known where networks are run; Settings refuses others.
    return read_text(key, value, example="eager")


def _head(key: str, value: object) -> str:
    return read_text(key, value, example="argmax")


def _precision(key: str, value: object) -> str:
    return read_text(key, value, example="fp32")


def _picture(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(
            f"there is no picture {str(path)!r}; give its path from this file's folder"
        )
    return path


def _text(key: str, value: object) -> str:
    return read_text(key, value, example="out")


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{key} must be true or false, got {value!r}")
    return value


def _reader_of(kind: object) -> _Read:
    """Return what reads a field of a workload, by its type."""
    if get_origin(kind) is Literal:
        return _one_of(*get_args(kind))
    if kind is bool:
        return _flag
    return _text if str in get_args(kind) else _positive


# What a file calls otherwise than a workload does, or what belongs to a candidate.
_OWN: dict[str, _Read] = {
    "size": _size,
    "threads": _positive,
    "runtime": _runtime,
    "precision": _precision,
    "head": _head,
    "seed": _seed,
}
_READERS: dict[str, _Read] = _OWN | {
    name: _reader_of(kind)
    for name, kind in get_type_hints(Workload).items()
    if name not in {*_OWN, "height", "width", "input"}
}
WORKLOAD_KEYS = (*_READERS, "input")
