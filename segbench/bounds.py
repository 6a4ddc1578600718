"""The least and the most that a count may be, wherever it is given: the one table of them.

The most is far above what anybody means. Beyond it lie typing errors, and what no process survives.
"""

from __future__ import annotations

import os
from typing import TypeGuard

from segbench.errors import UsageError

THREADS_PER_CPU = 64  # many more, and the C library dies of what their stacks take
MOST_NUMBERS = (1 << 31) - 1  # in the input of a network, 8 GiB of them

BOUNDS: dict[str, tuple[int, int]] = {
    "threads": (1, THREADS_PER_CPU * (os.cpu_count() or 1)),
    "devices": (1, 1024),
    "batch": (1, 65_536),
    "channels": (1, 4096),
    "height": (1, 100_000),
    "width": (1, 100_000),
    "classes": (1, 65_536),
    "repeats": (1, 10_000),
    "epochs": (1, 1_000_000),
    "trials": (1, 1_000_000),
    "seeds": (1, 10_000),
    "seed": (0, (1 << 32) - 1),
}
_OF_THIS_MACHINE = ("threads",)
_MOST_DIGITS = 30  # that are shown


def check_count(name: str, value: object) -> None:
    """Refuse what is no whole number within the bounds of `name`.

    Raises:
        UsageError: it is not; the text says what it may be.

    >>> check_count("batch", 65_537)
    Traceback (most recent call last):
    segbench.errors.UsageError: batch must be at most 65536, got 65537
    """
    least, most = BOUNDS[name]
    if not _is_whole(value):
        kind = "positive whole number" if least else "whole number of 0 or more"
        raise UsageError(f"{name} must be a {kind}, got {value!r}")
    if value < least:
        kind = "a positive whole number" if least else "0 or more"
        raise UsageError(f"{name} must be {kind}, got {_shown(value)}")
    if value > most:
        here = " here" if name in _OF_THIS_MACHINE else ""
        raise UsageError(f"{name} must be at most {most}{here}, got {_shown(value)}")


def check_input(*, batch: int, height: int, width: int, channels: int = 3) -> None:
    """Refuse images that are together more than a process can hold.

    Raises:
        UsageError: they are.

    >>> check_input(batch=64, height=4000, width=4000)
    Traceback (most recent call last):
    segbench.errors.UsageError: an input of 64x3x4000x4000 has 3072000000 numbers, and may have \
2147483647; take a smaller size or batch
    """
    for name, value in (("batch", batch), ("height", height), ("width", width)):
        check_count(name, value)
    numbers = batch * channels * height * width
    if numbers > MOST_NUMBERS:
        raise UsageError(
            f"an input of {batch}x{channels}x{height}x{width} has {numbers} numbers, and may have "
            f"{MOST_NUMBERS}; take a smaller size or batch"
        )


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: int) -> str:
    """Return a number as text; Python itself refuses to write thousands of digits."""
    return (
        str(value) if abs(value) < 10**_MOST_DIGITS else f"a number of over {_MOST_DIGITS} digits"
    )
