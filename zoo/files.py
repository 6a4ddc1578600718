"""Files from elsewhere: read within stated limits, and never trusted to be what they claim.

The one place where segbench reads text or JSON that somebody else may have written.
"""

import codecs
import json
import math
import os
import re
import stat
import tomllib
from os import PathLike, fspath
from typing import Any

from zoo.errors import ZooError

__all__ = [
    "MOST_BYTES",
    "FileError",
    "parse_json",
    "parse_toml",
    "read_bytes",
    "read_json",
    "read_text",
]

MOST_BYTES = 256 << 20  # of a file that is read whole
MOST_TOML_LINE = 10_000  # characters; tomllib takes the cube of a dotted key's length
LARGEST = (1 << 63) - 1  # whole number, which every reader of JSON can hold

# What may need a look once JSON is read: escapes that stand for control characters or for half a
# character, and control characters as they are.
_SUSPECT = re.compile(
    r"[\x7f-\x9f]|\\[bfr]|\\u00(?:[01][0-9a-fA-F]|7[fF]|[89][0-9a-fA-F])|\\u[dD][89a-fA-F]"
)
# Line breaks and tabs are text; every other control character may be an order to a terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class FileError(ZooError):
    """A file cannot be read, or is not what it should be.

    Attributes:
        reason: what is wrong, without the file's name.
    """

    def __init__(self, text: str, *, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


def read_bytes(path: str | PathLike[str], *, what: str, most: int = MOST_BYTES) -> bytes:
    """Return what a file holds; a device or pipe is read up to the limit too.

    Args:
        what: what to call it in an error.
        most: bytes that it may have.

    Raises:
        FileError: it cannot be read, or has more than so many bytes.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123, a path-like object
            size = os.fstat(file.fileno())
            content = (
                b"" if stat.S_ISREG(size.st_mode) and size.st_size > most else _read(file, most)
            )
            too_large = size.st_size > most or len(content) > most
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise _refusal(what, path, reason.lower()) from error
    if too_large:
        raise _refusal(what, path, f"it is larger than {most >> 20} MiB")
    return content


def _size(file: Any) -> int:  # noqa: ANN401, a binary file
    """Return the bytes of a regular file; 0 for what has no size."""
    found = os.fstat(file.fileno())
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _read(file: Any, most: int) -> bytes:  # noqa: ANN401, a binary file
    """Read up to one byte more than there may be."""
    chunks, left = [], most + 1
    while left and (chunk := file.read(min(left, 1 << 20))):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def read_text(path: str | PathLike[str], *, what: str, most: int = MOST_BYTES) -> str:
    """Return the text of a UTF-8 file, without the byte order mark that some editors write.

    Raises:
        FileError: it cannot be read, is too large, or is not UTF-8.
    """
    content = read_bytes(path, what=what, most=most)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        reason = "it is text in UTF-16; save it as UTF-8" if is_wide else "it is not text"
        raise _refusal(what, path, reason) from error


def read_json(path: str | PathLike[str], *, what: str, most: int = MOST_BYTES) -> Any:  # noqa: ANN401
    """Return what a JSON file holds, see :func:`parse_json`."""
    return parse_json(read_text(path, what=what, most=most), source=f"{what} {fspath(path)!r}")


def parse_json(text: str, *, source: str) -> Any:  # noqa: ANN401, JSON may be anything
    r"""Return what a JSON text stands for.

    Control characters, which could give orders to a terminal, become their escapes as text.

    Args:
        source: what to call the text in an error.

    Raises:
        FileError: it is not JSON, is nested too deeply, or has a number that is not finite or
            needs more than 64 bits.

    >>> parse_json('{"name": "\\u001b[31mred"}', source="it")
    {'name': '\\x1b[31mred'}
    """
    try:
        found = json.loads(
            text, parse_constant=_refuse_number, parse_float=_read_float, parse_int=_read_int
        )
    except RecursionError as error:
        raise _unreadable(source, "lists or objects stand in one another too deeply") from error
    except json.JSONDecodeError as error:
        raise _unreadable(
            source, f"not JSON ({error.msg}, line {error.lineno} column {error.colno})"
        ) from error
    except ValueError as error:  # of a number
        raise _unreadable(source, str(error)) from error
    return _plain(found) if _SUSPECT.search(text) else found


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a TOML text stands for.

    Raises:
        ValueError: it is not TOML, is nested too deeply, or has a line that is too long.

    >>> parse_toml("threads = 2")
    {'threads': 2}
    """
    longest = max(map(len, text.splitlines()), default=0)
    if longest > MOST_TOML_LINE:
        raise ValueError(f"a line of {longest} characters; {MOST_TOML_LINE} are the most")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("lists or tables stand in one another too deeply") from None


def _read_float(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_number(text)


def _read_int(text: str) -> int:
    if len(text) > len(str(LARGEST)) + 1 or abs(int(text)) > LARGEST:
        _refuse_number(text)
    return int(text)


def _refuse_number(text: str) -> Any:  # noqa: ANN401, it never returns
    shown = text if len(text) <= 20 else f"{text[:20]}..."  # noqa: PLR2004, enough to find it by
    raise ValueError(f"it has the number {shown}, which is not finite or needs over 64 bits")


def _plain(found: Any) -> Any:  # noqa: ANN401, JSON may be anything
    """Return the same with control characters as escapes."""
    match found:
        case str():
            return _CONTROL.sub(lambda each: repr(each[0])[1:-1], found)
        case list():
            return [_plain(item) for item in found]
        case dict():
            return {_plain(key): _plain(value) for key, value in found.items()}
        case _:
            return found


def _refusal(what: str, path: str | PathLike[str], reason: str) -> FileError:
    return FileError(f"cannot read {what} {fspath(path)!r}: {reason}", reason=reason)


def _unreadable(source: str, reason: str) -> FileError:
    return FileError(f"cannot read {source}: {reason}", reason=reason)
