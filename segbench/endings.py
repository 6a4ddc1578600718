"""How a child process ended, in words."""

from __future__ import annotations

import os
import signal
from typing import IO

STDERR_TAIL = 2000  # bytes of a dead process's last words that are kept


def describe_end(code: int) -> str:
    """Say how a process ended.

    Args:
        code: that it returned; minus a signal's number if that ended it.

    >>> describe_end(-11)
    'was killed by SIGSEGV; see --debug for its last words'
    >>> describe_end(3)
    'ended by itself with code 3; see --debug for its last words'
    """
    if code == -signal.SIGKILL:
        return (
            "was killed by SIGKILL; most often the system was out of memory: "
            "try a smaller --size or --batch"
        )
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}; see --debug for its last words"
    return f"ended by itself with code {code}; see --debug for its last words"


def last_words(stderr: IO[bytes]) -> str:
    """Return the end of what a process wrote to a file in place of standard error."""
    stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, stderr.tell() - STDERR_TAIL))
    return stderr.read().decode(errors="replace")
