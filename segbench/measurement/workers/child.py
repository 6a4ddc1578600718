"""The child process that builds one network and runs it on request.

Requests come as JSON lines on standard input, replies go to what was standard output; anything
that the network itself prints goes to standard error. The process ends when its supervisor does.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import os
import re
import signal
import sys
import traceback
from typing import Any, TextIO

from segbench.measurement.workers.protocol import NO_NETWORK, Task, decode, encode, failure_reply
from segbench.measurement.workers.stages import TELLER

INSTRUMENTS = {
    "timing": "segbench.measurement.instruments.timing:TimingInstrument",
    "inspection": "segbench.measurement.instruments.inspection:InspectionInstrument",
    "memory": "segbench.measurement.instruments.peak_memory:MemoryInstrument",
    "parity": "segbench.measurement.instruments.parity:ParityInstrument",
    "export": "segbench.measurement.instruments.export:ExportInstrument",
    "inference": "segbench.measurement.instruments.inference:InferenceInstrument",
    "layers": "segbench.measurement.instruments.layer_times:LayersInstrument",
    "threads": "segbench.measurement.instruments.threads:ThreadsInstrument",
    "training": "segbench.training.worker:Trainee",
}

OF_NO_NETWORK = ("threads", "training")  # instruments whose task names none, or another one
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
MOST_OF_TRACEBACK = 1 << 16  # characters that --debug may show
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # of a terminal
_PR_SET_PDEATHSIG = 1  # prctl(2)


def find_instrument(name: str) -> Any:  # noqa: ANN401 - a class of one of several
    """Import an instrument by its name in the table."""
    module, _, attribute = INSTRUMENTS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


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

    def send(line: str) -> None:
        replies.write(line)
        replies.flush()

    TELLER.tell_to(lambda message: send(encode(message)))
    session = Session()
    for line in requests:
        send(session.reply_to(line))


class Session:
    """What a worker keeps between requests: the one instrument that its task opened."""

    def __init__(self) -> None:
        self._task = Task(NO_NETWORK)
        self._opened = ""  # the instrument's name
        self._instrument: Any = None

    def reply_to(self, line: str) -> str:
        """Do what a line asks for, and return the line of the reply."""
        try:
            return encode(self.answer(decode(line)))
        # A network may raise whatever it likes, SystemExit and KeyboardInterrupt too. Every failure
        # is reported, none is swallowed.
        except BaseException as raised:  # noqa: BLE001
            error = _as_write_error(raised)
            message = self._at_revision(describe_failure(error, self._task, self._opened))
            return encode(failure_reply(error, message, plain_traceback(raised)))

    def _at_revision(self, message: str) -> str:
        """Say which of two revisions a message is about, where it does not say so itself."""
        revision = self._task.revision
        if revision is None or repr(revision) in message:
            return message
        return f"at revision {revision!r}: {message}"

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Open the instrument, or let it do what is asked."""
        verb = request.pop("do")
        if verb == "open":
            self._task = Task.from_json(request["task"])
            self._opened = request["instrument"]
            self._instrument = find_instrument(self._opened)(self._task)
            return self.answer(request["then"]) if request.get("then") else {}
        reply: dict[str, Any] = getattr(self._instrument, verb)(**request)
        return reply


def _as_write_error(error: BaseException) -> BaseException:
    """Return the same, or as an error of writing where the disk is full or cannot be written."""
    from segbench.errors import WriteError, os_reason  # noqa: PLC0415 - only failures need them

    if not isinstance(error, OSError) or error.errno not in NO_ROOM:
        return error
    named = f" {str(error.filename)!r}" if error.filename else ""
    return WriteError(f"cannot write{named}: {os_reason(error)}")


def describe_failure(error: BaseException, task: Task, instrument: str) -> str:
    """Return one line on an error that says whose fault it is: the network's, or segbench's."""
    from segbench.errors import SegbenchError, one_line  # noqa: PLC0415 - only failures need them
    from segbench.runtimes.model import (  # noqa: PLC0415
        describe_error,
        failure_line,
        is_out_of_memory,
        own_fault,
    )
    from zoo.errors import ZooError  # noqa: PLC0415

    if isinstance(error, SegbenchError | ZooError):
        return one_line(str(error))
    own = None if is_out_of_memory(error) else own_fault(error)
    if own is not None:
        return (
            f"{describe_error(error)} (at {own}); this is a fault of segbench, please report it "
            "with what --debug shows"
        )
    if instrument in OF_NO_NETWORK:
        if is_out_of_memory(error):
            return f"{instrument} ran out of memory; try a smaller --size or --batch"
        return f"{instrument} failed: {describe_error(error)}"
    return failure_line(error, task.label, task.workload.shape)


def plain_traceback(error: BaseException) -> str:
    """Return where an error came from, as text that gives no orders to a terminal."""
    text = "".join(traceback.format_exception(error))
    if len(text) > MOST_OF_TRACEBACK:
        half = MOST_OF_TRACEBACK // 2
        text = f"{text[:half]}\n...\n{text[-half:]}"
    return _CONTROL.sub(lambda each: repr(each[0])[1:-1], text)
