"""Option values and their text: ``12``, ``0.5``, ``true``, ``separable``, ``16:16:32``."""

import json
import math
import re
from typing import TypeAlias

from zoo.errors import SpecError

__all__ = ["Scalar", "Value", "normal", "read_value", "split_outside_quotes", "write_value"]

Scalar: TypeAlias = bool | int | float | str
Value: TypeAlias = Scalar | tuple[Scalar, ...]

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_QUOTED = r'"(?:[^"\\]|\\.)*"'


def normal(value: object) -> Value:
    """Return `value` in the types that a spec holds; a list becomes a tuple.

    Raises:
        SpecError: it is none of number, true or false, text, or a flat list of these.

    >>> normal([16, 32])
    (16, 32)
    """
    if isinstance(value, list | tuple):
        return tuple(_normal_scalar(item) for item in value)
    return _normal_scalar(value)


def _normal_scalar(value: object) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)
    raise SpecError(
        f"{value!r} is no option value; give a finite number, true or false, text, "
        "or a flat list of these"
    )


def write_value(value: Value) -> str:
    """Return the text that `read_value` reads back as `value`.

    >>> write_value((16, 16, 32))
    '16:16:32'
    >>> write_value((16,)), write_value("16"), write_value(True)
    ('16:', '"16"', 'true')
    """
    if not isinstance(value, tuple):
        return _write_scalar(value)
    joined = ":".join(_write_scalar(item) for item in value)
    return joined if len(value) > 1 else joined + ":"


def _write_scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    if not value or not value.isprintable() or set(value) & set(' ,:"'):
        return json.dumps(value)
    return value if isinstance(_read_scalar(value), str) else json.dumps(value)


def read_value(text: str) -> Value:
    """Return the value that `text` stands for.

    Elements of a tuple are separated by colons, and a tuple of one ends in a colon. A text that
    holds a comma or a colon, or that would be read as something else, is quoted as in JSON.

    Raises:
        SpecError: an element is empty, or a quoted text is not closed.

    >>> read_value("16:16:32"), read_value("16:"), read_value("1e-3"), read_value("separable")
    ((16, 16, 32), (16,), 0.001, 'separable')
    """
    if text.strip() == ":":
        return ()
    items = split_outside_quotes(text, ":")
    if len(items) == 1:
        return _read_scalar(text)
    if len(items) == 2 and not items[1].strip():  # noqa: PLR2004, "16:" is a tuple of one
        items.pop()
    return tuple(_read_scalar(item) for item in items)


def _read_scalar(text: str) -> Scalar:
    text = text.strip()
    if not text:
        raise SpecError("a value between colons is empty")
    if text in {"true", "false"}:
        return text == "true"
    if '"' in text:
        return _read_quoted(text)
    try:
        if _WHOLE.fullmatch(text):
            return int(text)
    except ValueError:  # Python reads no more than some 4300 digits
        raise SpecError(f"a number of {len(text)} digits is too long") from None
    return _normal_scalar(float(text)) if _NUMBER.fullmatch(text) else text


def _read_quoted(text: str) -> str:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, str):
        raise SpecError(f"{text} is no text in JSON quotes")
    return value


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Split `text` at each `separator` that stands outside of JSON quotes.

    >>> split_outside_quotes('a="x,y",b=2', ",")
    ['a="x,y"', 'b=2']
    """
    pieces, start = [], 0
    for match in re.finditer(f"{_QUOTED}|{re.escape(separator)}", text, re.DOTALL):
        if match.group() == separator:
            pieces.append(text[start : match.start()])
            start = match.end()
    return [*pieces, text[start:]]
