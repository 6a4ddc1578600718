"""What can go wrong, and the exit code that each kind of it has."""

from __future__ import annotations

import enum


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


def said_by(error: OSError) -> str:
    """Return what the system says is wrong, to stand behind a colon.

    >>> said_by(FileNotFoundError(2, "No such file or directory"))
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


class NotComparableError(SegbenchError):
    """Two results of different machines or workloads were to be compared."""

    exit_code = ExitCode.NOT_COMPARABLE


class MeasurementError(SegbenchError):
    """A measurement was begun and could not be finished."""

    exit_code = ExitCode.FAILED
