"""The child process that builds one network and runs it on request.

Requests come as JSON lines on standard input, replies go to what was standard output; anything
that the network itself prints goes to standard error. The process ends when its supervisor does.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys
import traceback
from typing import Any, TextIO

from segbench.protocol import Task, decode, encode

INSTRUMENTS = {
    "timing": "segbench.instruments.timing:TimingInstrument",
    "inspection": "segbench.instruments.inspection:InspectionInstrument",
    "memory": "segbench.instruments.memory:MemoryInstrument",
    "layers": "segbench.instruments.layers:LayersInstrument",
    "threads": "segbench.instruments.threads:ThreadsInstrument",
    "training": "segbench.training.trainee:Trainee",
}

OUT_OF_MEMORY = "can't allocate memory"  # what torch's allocator for the CPU says

_PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent is gone, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before we asked
        os._exit(1)


def take_channels() -> tuple[TextIO, TextIO]:
    """Keep standard input and output for requests and replies alone.

    Whoever else reads finds nothing, and what others print goes to standard error.
    """
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def main(parent: int) -> None:
    """Serve requests until standard input ends."""
    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to handle
    requests, replies = take_channels()
    session = Session()
    for line in requests:
        request = decode(line)
        try:
            reply = session.answer(request)
        except Exception as error:  # noqa: BLE001 - every failure is reported, none is swallowed
            reply = describe_failure(error, session.name)
        replies.write(encode(reply))
        replies.flush()


def describe_failure(error: Exception, name: str) -> dict[str, Any]:
    """Return an error as a reply: whose fault it was, one line, and the traceback for --debug."""
    from segbench.errors import SegbenchError, UsageError  # noqa: PLC0415
    from zoo.errors import ZooError  # noqa: PLC0415

    text = str(error).strip()
    if isinstance(error, MemoryError) or OUT_OF_MEMORY in text:
        message = f"out of memory while measuring {name!r}; try a smaller --size or --batch"
    elif isinstance(error, SegbenchError | ZooError):
        message = text
    else:
        first = text.splitlines()[0] if text else ""
        message = f"measuring {name!r} failed: {type(error).__name__}: {first}"
    return {
        "error": message,
        "usage": isinstance(error, UsageError | ZooError),
        "traceback": "".join(traceback.format_exception(error)),
    }


class Session:
    """What a worker keeps between requests: the one instrument that its task opened."""

    def __init__(self) -> None:
        self.name = ""  # of the network, for errors
        self._instrument: Any = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Open the instrument, or let it do what is asked."""
        verb = request.pop("do")
        if verb == "open":
            module, _, name = INSTRUMENTS[request["instrument"]].partition(":")
            task = Task.from_json(request["task"])
            self.name = task.name
            self._instrument = getattr(importlib.import_module(module), name)(task)
            return self.answer(request["then"]) if request.get("then") else {}
        reply: dict[str, Any] = getattr(self._instrument, verb)(**request)
        return reply
