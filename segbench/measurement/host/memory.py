"""Resident memory of this process, read from the kernel.

``ru_maxrss`` would not do: it inherits the peak of the parent across ``exec``. ``VmHWM`` does not.
"""

from __future__ import annotations

import ctypes
import gc
import re
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_CHUNK_BYTES = 1 << 20
_RESET_PEAK = "5"  # proc(5): resets VmHWM to the memory that is resident now


def _status_bytes(field: str) -> int | None:
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def resident_bytes() -> int | None:
    """Return the memory that is resident now, in bytes; None where the kernel does not tell."""
    return _status_bytes("VmRSS")


def peak_bytes() -> int | None:
    """Return the most that was resident since the start or the last reset, in bytes."""
    return _status_bytes("VmHWM")


def reset_peak() -> bool:
    """Let the peak begin anew at what is resident now; False where the kernel refuses."""
    try:
        _CLEAR_REFS.write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


class _MallocInfo(ctypes.Structure):
    """``struct mallinfo2`` of mallinfo(3), in its order; all in bytes or blocks."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def free_heap_bytes() -> int | None:
    """Return what the heap holds free, in bytes; None where the C library does not tell."""
    ask = getattr(ctypes.CDLL(None), "mallinfo2", None)  # glibc 2.33 and later
    if ask is None:
        return None
    ask.restype = _MallocInfo
    return int(ask().fordblks)


def grow_heap(slack_bytes: int) -> None:
    """Let the heap hold so many bytes more than now, touched and free.

    All that is free is taken first, for otherwise the slack would be found in holes.
    """
    wanted = (free_heap_bytes() or 0) + slack_bytes
    chunks = [bytearray(_CHUNK_BYTES) for _ in range(wanted // _CHUNK_BYTES)]
    chunks.clear()


def give_back() -> None:
    """Collect garbage and return free heap to the system, so that resident means in use."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc alone has it
    if trim is not None:
        trim(0)
