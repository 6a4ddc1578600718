"""The supervisor's end of the process that workers are forked from: ``preloaded``."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import IO

from segbench.errors import MeasurementError, os_reason
from segbench.measurement.workers.exit_status import describe_end, stderr_tail
from segbench.measurement.workers.forking import ORDER_BYTES


class ForkServer:
    """A process that has imported what workers need, in a session of its own.

    Args:
        program: what it runs, with the descriptor of its end of a socket.

    Raises:
        MeasurementError: the system has no more processes, files or memory.
    """

    def __init__(self, program: Callable[[int], str], environment: Mapping[str, str]) -> None:
        self._forks = 0
        self._is_ready = False
        try:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", program(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=self._stderr,
                    stderr=self._stderr,
                    env=environment,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
        except OSError as error:
            raise MeasurementError(f"cannot start a process: {os_reason(error)}") from error

    def wait_until_ready(self) -> None:
        """Wait until everything is imported.

        Raises:
            MeasurementError: the process ended before.
        """
        if not self._is_ready and not self._hear():
            code = self._process.wait()
            error = MeasurementError(
                f"the process that workers are forked from {describe_end(code)}"
            )
            error.add_note(stderr_tail(self._stderr))
            raise error
        self._is_ready = True

    def _hear(self) -> bytes:
        """Wait for a message; empty if the server has ended."""
        with contextlib.suppress(ConnectionResetError):
            return self._socket.recv(ORDER_BYTES)
        return b""

    def fork(self, stderr: IO[bytes]) -> Fork:
        """Return a new process; it may not have been forked yet.

        Where the server is gone nobody writes into what is read from the process, which has ended.
        """
        its_requests, requests = os.pipe()
        replies, its_replies = os.pipe()
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                descriptors = [its_requests, its_replies, stderr.fileno()]
                socket.send_fds(self._socket, [b"fork"], descriptors)
        finally:
            os.close(its_requests)
            os.close(its_replies)
        self._forks += 1
        return Fork(self, self._forks - 1, os.fdopen(requests, "w"), os.fdopen(replies))

    def ask(self, order: str) -> int | None:
        """Give an order and return the number in its reply; None if the server has ended."""
        beginning = order.encode() + b" "
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.send(order.encode())
            while reply := self._hear():
                if reply.startswith(beginning):
                    return int(reply.removeprefix(beginning))
        return None

    def kill(self, fork: int) -> None:
        """Kill one of the forks, or the server, if it has none yet."""
        if not self._is_ready:
            self._process.kill()
        elif pid := self.ask(f"pid {fork}"):
            with contextlib.suppress(ProcessLookupError):  # the server ended a moment ago
                os.kill(pid, signal.SIGKILL)

    def wait(self, fork: int) -> int:
        """Return the code that a fork ended with; it ends with the server if not before."""
        code = self.ask(f"wait {fork}")
        return self._process.wait() if code is None else code

    def close(self) -> None:
        """End the process, and with it whatever it has forked."""
        self._process.kill()
        self._process.wait()
        self._socket.close()
        self._stderr.close()


class Fork:
    """A process that a fork server made; what `subprocess.Popen` is to others.

    Attributes:
        stdin: to its standard input.
        stdout: from its standard output.
    """

    def __init__(self, server: ForkServer, number: int, stdin: IO[str], stdout: IO[str]) -> None:
        self._server = server
        self._number = number
        self._code: int | None = None
        self.stdin = stdin
        self.stdout = stdout

    @property
    def pid(self) -> int:
        """The process id; 0 where the server is gone and it with it."""
        return self._server.ask(f"pid {self._number}") or 0

    def kill(self) -> None:
        """Kill it, unless its end was taken note of: its process id may be another's by now."""
        if self._code is None:
            self._server.kill(self._number)

    def wait(self) -> int:
        """Wait for its end, and return its code; minus a signal's number if that ended it."""
        if self._code is None:
            self._code = self._server.wait(self._number)
        return self._code
