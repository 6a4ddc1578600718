"""Option values and their text: ``12``, ``0.5``, ``true``, ``null``, ``wide``, ``16:16:32``."""

import json
import math
import re
from typing import TypeAlias

from zoo.errors import SpecError

__all__ = [
    "Scalar",
    "Value",
    "normal",
    "read_options",
    "read_value",
    "split_at_last_outside_quotes",
    "split_outside_quotes",
    "write_value",
]

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = Scalar | tuple[Scalar, ...]

_WORDS = {"true": True, "false": False, "null": None}
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
MOST_SHOWN = 40  # letters of what is wrong
_QUOTED = r'"(?:[^"\\]|\\.)*"'


def normal(value: object) -> Value:
    """Return `value` in the types that a spec holds; a list becomes a tuple.

    Raises:
        SpecError: it is none of number, true or false, text, None, or a flat list of these.

    >>> normal([16, 32])
    (16, 32)
    """
    if isinstance(value, list | tuple):
        return tuple(_normal_scalar(item) for item in value)
    return _normal_scalar(value)


def _normal_scalar(value: object) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)
    raise SpecError(
        f"{value!r} is no option value; give a finite number, true or false, text, "
        "null, or a flat list of these"
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
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if not isinstance(value, str):
        return repr(value)
    if not value or not value.isprintable() or set(value) & set(' ,:@"'):
        return json.dumps(value)
    return value if isinstance(_read_scalar(value), str) else json.dumps(value)


def read_value(text: str) -> Value:
    """Return the value that `text` stands for.

    Elements of a tuple are separated by colons, and a tuple of one ends in a colon. A text that
    holds a comma, a colon or an ``@``, or that would be read as something else, is quoted as in
    JSON. None is ``null``.

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
    if text in _WORDS:
        return _WORDS[text]
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


def split_at_last_outside_quotes(text: str, separator: str) -> tuple[str, bool, str]:
    """Split `text` at the last `separator` that stands outside of JSON quotes.

    Returns:
        What is before it, whether there is one, and what is after it.

    >>> split_at_last_outside_quotes('net,a="x@y"@eager', "@")
    ('net,a="x@y"', True, 'eager')
    >>> split_at_last_outside_quotes('net,a="x@y"', "@")
    ('net,a="x@y"', False, '')
    """
    *pieces, last = split_outside_quotes(text, separator)
    return (separator.join(pieces), True, last) if pieces else (last, False, "")


def check_option_name(option: object) -> None:
    """Refuse what cannot be the name of an option.

    Raises:
        SpecError: it is none.
    """
    if not isinstance(option, str) or not option.isidentifier():
        text = repr(option)
        shown = text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "..."
        raise SpecError(f"{shown} is no option name; write option=value")


def read_options(text: str) -> dict[str, Value]:
    """Read ``option=value`` any number of times, with commas between.

    Raises:
        SpecError: the text is malformed, or an option is given twice.

    >>> read_options("classes=12, init=he")
    {'classes': 12, 'init': 'he'}
    """
    options: dict[str, Value] = {}
    for piece in split_outside_quotes(text, ","):
        option, equals, value = piece.partition("=")
        option = option.strip()
        if not piece.strip():
            raise SpecError("nothing follows a comma; write option=value")
        check_option_name(option)
        if not equals or not value.strip():
            raise SpecError(f"option {option!r} has no value; write {option}=VALUE")
        if option in options:
            raise SpecError(f"option {option!r} is given twice")
        try:
            options[option] = read_value(value)
        except SpecError as error:
            raise SpecError(f"option {option!r}: {error}") from None
    return options
