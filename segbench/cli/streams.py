"""Standard output and standard error that no reader, disk or alphabet can break.

Closed, full or gone, a stream swallows what is printed: what was measured is still written to its
files, and the command says at its end what happened. Characters that a stream's encoding does not
have become the nearest that it has.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import unicodedata
from typing import Any, TextIO

PLAIN = "segbench.plain"  # the name of the error handler that finds the nearest characters
_NEAREST = {
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
    "\N{BOX DRAWINGS HEAVY HORIZONTAL}": "-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{PLUS-MINUS SIGN}": "+-",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{MICRO SIGN}": "u",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{BULLET}": "*",
    "\N{LATIN SMALL LETTER SHARP S}": "ss",
}


class SteadyOutput(io.RawIOBase):
    """A descriptor that is written to until that fails; what comes after is dropped.

    Attributes:
        failure: what the system said, None while it works.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.failure: OSError | None = None

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - bytes, in whatever holds them
        """Write what fits, and return how much was taken."""
        view = memoryview(data)
        if self.failure is None:
            try:
                return os.write(self._descriptor, view)
            except BlockingIOError:  # somebody has made it so
                os.set_blocking(self._descriptor, True)
                return 0
            except OSError as error:
                self.failure = error
        return len(view)


def hold_streams() -> SteadyOutput:
    """Make standard output and standard error steady; return the former.

    A standard descriptor that is closed is opened on nothing, so that no file of ours gets its
    number and receives what is printed.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the lowest number that is free
    codecs.register_error(PLAIN, nearest)
    output = SteadyOutput(1)
    sys.stdout = _text(output, sys.stdout, line_buffering=output.isatty())
    sys.stderr = _text(SteadyOutput(2), sys.stderr, line_buffering=True)
    return output


def _text(raw: SteadyOutput, before: TextIO | None, *, line_buffering: bool) -> TextIO:
    encoding = getattr(before, "encoding", None) or "utf-8"
    with contextlib.suppress(AttributeError, OSError, ValueError):
        before.flush()  # type: ignore[union-attr]
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors=PLAIN, line_buffering=line_buffering
    )


def nearest(error: UnicodeError) -> tuple[str, int]:
    """Return the nearest characters of ASCII for those that an encoding does not have.

    >>> codecs.register_error(PLAIN, nearest)
    >>> "Größe ± 1 µs".encode("ascii", PLAIN)
    b'Grosse +- 1 us'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_NEAREST.get(each) or _plainest(each) for each in lost), error.end


def _plainest(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or "?"
