"""The supervisor's side: start worker processes, ask them, and never leave one behind.

Nothing here imports torch, so that what is measured is not the measurer. The supervisor blocks in
a read while a worker computes; it never polls.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import sysconfig
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from segbench.endings import describe_end, last_words
from segbench.errors import MeasurementError, UsageError
from segbench.protocol import Task, decode, encode

if TYPE_CHECKING:
    from types import TracebackType

    from segbench.fork_server import Fork, ForkServer

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
# glibc returns large tensors to the system after each call and takes them anew in the next, a page
# fault at a time. These settings keep every freed tensor in one heap: no mmap for large blocks,
# never a trim, and a heap that grows by 64 MiB. One arena, for the heaps of the others are small.
STEADY_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 62),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "MALLOC_ARENA_MAX": "1",
}
# The opposite, to find peaks: every block of 64 KiB and more is a mapping of its own, returned as
# soon as it is freed, so that resident memory is that of living tensors.
RETURNING_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(64 << 10),
    "MALLOC_MMAP_MAX_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": "0",
    "MALLOC_TOP_PAD_": "0",
    "MALLOC_ARENA_MAX": "1",
}


def worker_environment(task: Task, instrument: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that a worker starts with.

    >>> task = Task("segfast", {}, threads=3)
    >>> worker_environment(task, "timing", {"OMP_NUM_THREADS": "16"})["OMP_NUM_THREADS"]
    '3'
    """
    environment = dict(inherited)
    environment.update(dict.fromkeys(THREAD_VARIABLES, str(task.threads)))
    environment["PYTHONUNBUFFERED"] = "1"
    if instrument == "memory":
        environment.update(RETURNING_ALLOCATOR)
        # Peaks are found side by side, where threads that spin while they wait would stand in the
        # way of each other. What is timed keeps the default.
        environment["OMP_WAIT_POLICY"] = "passive"
    elif task.allocator == "steady":
        environment.update(STEADY_ALLOCATOR)
    return environment


def child_program(roots: Sequence[str], path: Sequence[str], last: str) -> str:
    """Return what a child runs: segbench is that of the supervisor, the rest from the roots first.

    A tree's own ``segbench`` is never used, and of its packages named ``zoo`` only segbench's.

    Args:
        path: where the supervisor imports from.
        last: the statement that all this is for.
    """
    steps = [f"import sys; sys.path[:] = {list(path)!r}"]
    if roots:
        here = "segbench" if holds_zoo(roots) else "segbench, zoo"
        steps.append(f"import {here}; sys.path[:] = {import_path(roots, path)!r}")
    return "; ".join([*steps, last])


def holds_zoo(roots: Sequence[str]) -> bool:
    """Tell whether the zoo's networks are among the code under the roots."""
    return any(Path(root, "zoo", "registry.py").is_file() for root in roots)


def import_path(roots: Sequence[str], path: Sequence[str]) -> list[str]:
    """Return where to import from: the roots before all that is installed.

    The standard library stays before them, for no tree is to hide it: a ``profile.py`` at the root
    of a repository, which is common, would stop torch from being imported.

    >>> import_path(["/tree"], [sysconfig.get_path("stdlib"), "/site-packages"])[1:]
    ['/tree', '/site-packages']
    """
    compiled = sysconfig.get_path("platstdlib")
    own = {sysconfig.get_path("stdlib"), compiled, os.path.join(compiled, "lib-dynload")}  # noqa: PTH118
    standard = [folder for folder in path if folder in own]
    return [*standard, *roots, *(folder for folder in path if folder not in own)]


class Worker:
    """A child process with one instrument, which ends when this object is closed.

    It runs in a session of its own: Ctrl-C reaches the supervisor alone, which then decides.

    Args:
        then: a first request, whose answer is the first reply.
        server: what the process is forked from; without one it is started anew.
    """

    def __init__(
        self,
        task: Task,
        instrument: str,
        *,
        then: dict[str, Any] | None = None,
        server: ForkServer | None = None,
    ) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        self._process: subprocess.Popen[str] | Fork
        if server is None:
            last = f"from segbench.worker import main; main({os.getpid()})"
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", child_program(task.roots, sys.path, last)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=worker_environment(task, instrument, os.environ),
                text=True,
                start_new_session=True,
            )
        else:
            self._process = server.fork(self._stderr)
        self.task = task
        self.send({"do": "open", "instrument": instrument, "task": task.to_json(), "then": then})

    def fileno(self) -> int:
        """The descriptor that becomes readable when a reply comes."""
        assert self._process.stdout is not None  # noqa: S101 - it was asked for as a pipe
        return self._process.stdout.fileno()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, request: dict[str, Any]) -> None:
        """Ask for something without waiting for the reply."""
        try:
            stdin = self._process.stdin
            assert stdin is not None  # noqa: S101 - it was asked for as a pipe
            stdin.write(encode(request))
            stdin.flush()
        except BrokenPipeError:
            raise self._death() from None

    def receive(self) -> dict[str, Any]:
        """Wait for the next reply.

        Raises:
            UsageError: what the worker was given to build cannot be built.
            MeasurementError: the worker failed or died.
        """
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it was asked for as a pipe
        line = stdout.readline()
        if not line:
            raise self._death()
        reply = decode(line)
        if "error" in reply:
            kind = UsageError if reply["usage"] else MeasurementError
            error = kind(reply["error"])
            error.add_note(reply["traceback"])
            raise error
        return reply

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask, and wait for the reply."""
        self.send({"do": do, **arguments})
        return self.receive()

    def close(self) -> None:
        """Kill the process if it still runs, and take note of its end."""
        self._process.kill()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None  # noqa: S101 - they were asked for as pipes
            with contextlib.suppress(BrokenPipeError):  # of a request that nobody has read
                end.close()
        self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _death(self) -> MeasurementError:
        end = describe_end(self._process.wait())
        error = MeasurementError(f"the worker that measured {self.task.name!r} {end}")
        error.add_note(last_words(self._stderr))
        return error


@dataclass(frozen=True)
class Question:
    """One question to a fresh process."""

    task: Task
    instrument: str
    do: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def put(self) -> Worker:
        """Start the process, which answers once."""
        return Worker(self.task, self.instrument, then={"do": self.do, **self.arguments})


def ask_each(
    questions: Sequence[Question], *, at_a_time: int, progress: Callable[[int], None]
) -> list[dict[str, Any]]:
    """Put each question to a fresh process, some side by side, and return the replies in order.

    For what is counted and not timed.

    Args:
        progress: called with the number of replies so far.
    """
    replies: dict[int, dict[str, Any]] = {}
    waiting = deque(enumerate(questions))
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or selector.get_map():
                while waiting and len(selector.get_map()) < at_a_time:
                    number, question = waiting.popleft()
                    selector.register(question.put(), selectors.EVENT_READ, number)
                progress(len(replies))
                for key, _ in selector.select():
                    worker = cast("Worker", key.fileobj)
                    replies[key.data] = worker.receive()
                    selector.unregister(worker)
                    worker.close()
        finally:
            for key in list(selector.get_map().values()):
                cast("Worker", key.fileobj).close()
    return [replies[number] for number in range(len(questions))]


def ask_once(question: Question) -> dict[str, Any]:
    """Put one question to a fresh process and return its reply."""
    with question.put() as worker:
        return worker.receive()
