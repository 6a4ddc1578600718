"""Figures beside the bound that they are held against, with as many digits as tell them apart."""

from __future__ import annotations

import re
from collections.abc import Sequence

from segbench import units
from segbench.results.metrics import Unit

USUAL = 3
DIGITS = (USUAL, 4, 5, 6, None)  # significant digits to try in turn; None is in full
SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_UNIT = re.compile(r"[\d.,]*(.*)")


def write_beside(bound: float, values: Sequence[float], *, unit: Unit | None) -> tuple[str, ...]:
    """Write figures, and their bound last.

    A figure over its bound by one byte must not read as equal to it: where the usual three digits
    are too few, counts are written in full, and the others with up to six before that.

    Args:
        unit: of all of them; None for ratios.

    >>> write_beside(0.3, [0.25, 0.24, 0.26], unit=None)
    ('0.250x', '0.240x', '0.260x', '0.300x')
    >>> write_beside(603288, [603289], unit="count")
    ('603,289', '603,288')
    >>> write_beside(112 << 20, [117822808], unit="bytes")
    ('112.4 MiB', '112.0 MiB')
    >>> write_beside(0.04, [0.04004], unit="s")
    ('40.04 ms', '40.00 ms')
    """
    texts: tuple[str, ...] = ()
    for digits in DIGITS:
        texts = tuple(write_figure(value, unit=unit, digits=digits) for value in (*values, bound))
        if all(a == bound or b != texts[-1] for a, b in zip(values, texts, strict=False)):
            break
    return texts


def write_figure(value: float, *, unit: Unit | None, digits: int | None = USUAL) -> str:
    """Write one figure with so many significant digits, or in full.

    With more digits than usual, times are in milliseconds and counts in full.

    >>> write_figure(117822808, unit="bytes"), write_figure(117822808, unit="bytes", digits=5)
    ('112 MiB', '112.36 MiB')
    >>> write_figure(117822808, unit="bytes", digits=None), write_figure(0.25, unit=None, digits=4)
    ('117,822,808 B', '0.2500x')
    """
    full = f"{value:,.15g}"
    match unit:
        case None:
            return f"{units.significant(value, digits) if digits else full}x"
        case "s" if digits == USUAL:
            return units.seconds(value)
        case "s":
            return f"{units.significant(1e3 * value, digits)} ms" if digits else f"{full} s"
        case "bytes":
            return _size(value, digits) if digits else f"{full} B"
        case "count":
            return units.count(value) if digits == USUAL else full


def _size(value: float, digits: int) -> str:
    usual = units.size(value)
    unit = usual.split()[1]
    if digits == USUAL or unit == "B":
        return usual
    return f"{units.significant(value / (1 << 10 * SIZES.index(unit)), digits)} {unit}"


def with_interval(value: str, low: str, high: str) -> str:
    """Write a figure's interval after it, with the unit once where it is the same.

    >>> with_interval("43.0 ms", "42.0 ms", "44.0 ms"), with_interval("0.25x", "0.24x", "0.26x")
    ('43.0 ms (42.0-44.0)', '0.25x (0.24-0.26)')
    >>> with_interval("990 ms", "970 ms", "1.01 s")
    '990 ms (970 ms-1.01 s)'
    """
    suffixes = {_suffix(text) for text in (value, low, high)}
    if len(suffixes) == 1:
        (suffix,) = suffixes
        low, high = low.removesuffix(suffix), high.removesuffix(suffix)
    return f"{value} ({low}-{high})"


def _suffix(text: str) -> str:
    found = _UNIT.match(text)
    return found[1] if found else ""
