"""Errors, and the exit code of each kind."""

from __future__ import annotations

import enum
import re


class ExitCode(enum.IntEnum):
    """How a command ended; scripts and builds may rely on these numbers.

    >>> int(ExitCode.NOT_COMPARABLE)
    4
    """

    OK = 0
    OVER_BUDGET = 1
    USAGE = 2
    INCONCLUSIVE = 3
    NOT_COMPARABLE = 4
    FAILED = 5
    INTERRUPTED = 130


MOST_CHARACTERS = 1000  # of a line that a user reads
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def one_line(text: str) -> str:
    r"""Return a text as one line that a terminal shows as it is: no orders to it, and not too long.

    >>> one_line("no such\n file\x1b[2J.")
    'no such file\\x1b[2J'
    >>> len(one_line("x" * 1_000_000))
    1000
    """
    words = " ".join(text.split()).rstrip(".")
    if len(words) > MOST_CHARACTERS:
        half = (MOST_CHARACTERS - 5) // 2
        words = f"{words[: half + 1]} ... {words[-half:]}"
    return _CONTROL.sub(lambda each: repr(each[0])[1:-1], words)


def os_reason(error: OSError) -> str:
    """Return what the system says is wrong, to stand behind a colon.

    >>> os_reason(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    return (error.strerror or str(error)).lower()


class SegbenchError(Exception):
    """An error with one line for the user: what was given, what is wrong, what to do."""

    exit_code = ExitCode.FAILED


class SegbenchWarning(UserWarning):
    """Something that a user should know of, and that stops nothing; one line on standard error."""


class UsageError(SegbenchError, ValueError):
    """What was asked for cannot be asked for."""

    exit_code = ExitCode.USAGE


class NotInstalledError(UsageError):
    """What was asked for needs a package that is not installed here."""


class NotComparableError(SegbenchError):
    """Two results of different machines or workloads were to be compared."""

    exit_code = ExitCode.NOT_COMPARABLE


class MeasurementError(SegbenchError):
    """A measurement was begun and could not be finished."""

    exit_code = ExitCode.FAILED


class WriteError(SegbenchError):
    """A file could not be written while work went on: the disk is full, or cannot be written."""

    exit_code = ExitCode.FAILED
