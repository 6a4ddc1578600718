"""Exit status of a child process, in words."""

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
    >>> describe_end(-40)  # a signal for real-time programs, which has no name
    'was killed by signal 40; see --debug for its last words'
    """
    if code == -signal.SIGKILL:
        return (
            "was killed by SIGKILL; most often the system was out of memory: "
            "try a smaller --size or --batch"
        )
    if code < 0:
        named = {each.value: each.name for each in signal.Signals}
        killer = named.get(-code, f"signal {-code}")
        return f"was killed by {killer}; see --debug for its last words"
    return f"ended by itself with code {code}; see --debug for its last words"


def stderr_tail(stderr: IO[bytes], *, most: int = STDERR_TAIL) -> str:
    """Return the end of what a process wrote to a file in place of standard error.

    Args:
        most: bytes of it.
    """
    stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, stderr.tell() - most))
    return stderr.read().decode(errors="replace")
