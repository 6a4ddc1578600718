"""Numbers as people read them. Results keep seconds, bytes and counts; only display rounds."""

from __future__ import annotations

import math
import re

from segbench.bounds import check_count
from segbench.errors import UsageError

_DECIMAL = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_ROUNDS_UP = 0.9995  # what is as near to the next unit as this reads 1.00 of it
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|h)?")
_DURATIONS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_SIZE = re.compile(r"([0-9]{1,20})x([0-9]{1,20})")
MOST_PERCENT = 1000.0
MOST_HOURS = 8760  # a year
_MOST_SHOWN = 40  # characters of what was given


def significant(value: float, digits: int = 3) -> str:
    """Write a number with so many significant digits, without an exponent.

    >>> significant(0.012345), significant(1234.5), significant(9.999)
    ('0.0123', '1234', '10.0')
    """
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded if decimals else value:.{decimals}f}"


def seconds(value: float | None) -> str:
    """Write a duration.

    >>> seconds(0.0317), seconds(2.5), seconds(None)
    ('31.7 ms', '2.50 s', '-')
    """
    if value is None:
        return "-"
    for scale, unit in _SECONDS:
        if abs(value) >= scale * _ROUNDS_UP:
            return f"{significant(value / scale)} {unit}"
    return "0 s" if value == 0 else f"{significant(value / 1e-9)} ns"


def seconds_range(low: float, high: float) -> str:
    """Write an interval of durations, with the unit once where it is the same.

    >>> seconds_range(0.0262, 0.0283), seconds_range(0.9, 1.2)
    ('26.2-28.3 ms', '900 ms-1.20 s')
    """
    first, unit = seconds(low).split()
    last = seconds(high)
    return f"{first}-{last}" if last.endswith(f" {unit}") else f"{first} {unit}-{last}"


def count(value: float | None) -> str:
    """Write a count with a decimal prefix.

    >>> count(603288), count(769141632), count(12), count(None)
    ('603 k', '769 M', '12', '-')
    """
    if value is None:
        return "-"
    for scale, prefix in _DECIMAL:
        if abs(value) >= scale * _ROUNDS_UP:
            return f"{significant(value / scale)} {prefix}"
    return f"{value:g}"


def size(value: float | None) -> str:
    """Write a number of bytes with a binary prefix.

    >>> size(2413152), size(512), size(None)
    ('2.30 MiB', '512 B', '-')
    """
    if value is None:
        return "-"
    for scale, unit in _BINARY:
        if abs(value) >= scale * _ROUNDS_UP:
            return f"{significant(value / scale)} {unit}"
    return f"{value:g} B"


def times(value: float | None) -> str:
    """Write a ratio.

    >>> times(8.7017), times(222.96), times(None)
    ('8.70x', '223x', '-')
    """
    return "-" if value is None else f"{significant(value)}x"


def percent(value: float | None) -> str:
    """Write a share.

    >>> percent(0.034), percent(None)
    ('3.4 %', '-')
    """
    return "-" if value is None else f"{100 * value:.1f} %"


def parse_image_size(text: str) -> tuple[int, int]:
    """Read ``HxW`` in pixels.

    Raises:
        UsageError: it is not two positive whole numbers with an ``x`` between, or too large.

    >>> parse_image_size("360x480")
    (360, 480)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or 0 in (int(found[1]), int(found[2])):
        raise UsageError(
            f"size {_shown(text)} is not HEIGHTxWIDTH in pixels; write for example 360x480"
        )
    height, width = int(found[1]), int(found[2])
    check_count("height", height)
    check_count("width", width)
    return height, width


def parse_share(text: str, *, what: str) -> float:
    """Read a percentage above 0 as a share.

    Args:
        what: what to call it in an error.

    Raises:
        UsageError: it is none.

    >>> parse_share("2%", what="precision"), parse_share("0.5 %", what="precision")
    (0.02, 0.005)
    """
    found = _PERCENT.fullmatch(text.strip())
    if found is None or float(found[1]) == 0:
        raise UsageError(f"{what} {_shown(text)} is no percentage above 0; write for example 2%")
    if float(found[1]) > MOST_PERCENT:
        raise UsageError(f"{what} {_shown(text)} is more than {MOST_PERCENT:g}%")
    return float(found[1]) / 100


def parse_duration(text: str, *, what: str) -> float:
    """Read a time in seconds, minutes or hours as seconds.

    Raises:
        UsageError: it is none.

    >>> parse_duration("90s", what="max-time"), parse_duration("1.5 min", what="max-time")
    (90.0, 90.0)
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or float(found[1]) == 0:
        raise UsageError(f"{what} {_shown(text)} is no time above 0; write for example 90s or 5min")
    value_s = float(found[1]) * _DURATIONS[found[2] or "s"]
    if value_s > MOST_HOURS * _DURATIONS["h"]:
        raise UsageError(f"{what} {_shown(text)} is more than {MOST_HOURS}h, which is a year")
    return value_s


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")
