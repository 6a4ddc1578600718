"""The supervisor's side: start worker processes, ask them, and never leave one behind.

Nothing here imports torch, so that what is measured is not the measurer. The supervisor waits for a
pipe while a worker computes, as long as what the worker does may take; it never polls.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, NoReturn, Self, cast

from segbench.errors import MeasurementError, SegbenchError, os_reason
from segbench.measurement.workers.child_program import child_program
from segbench.measurement.workers.exit_status import describe_end, stderr_tail
from segbench.measurement.workers.forking import PATIENCE_S
from segbench.measurement.workers.protocol import Messages, Task, encode, failure_in
from segbench.measurement.workers.stages import Stage, in_words, limit_of, stage_in

if TYPE_CHECKING:
    from types import TracebackType

    from segbench.measurement.workers.fork_server import Fork, ForkServer

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
AT_ONCE = 1 << 16  # bytes that a pipe holds


def worker_environment(task: Task, instrument: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that a worker starts with.

    >>> from segbench.results.candidate import Candidate
    >>> task = Task(Candidate.parse("segfast"), threads=3)
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
    elif task.workload.allocator == "steady":
        environment.update(STEADY_ALLOCATOR)
    return environment


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
        self._process: subprocess.Popen[str] | Fork
        self._messages = Messages()
        self._stage: Stage | None = None
        self._limit_s: float | None = None
        self._since_s = 0.0  # when what it does now began
        try:
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
            if server is None:
                self._process = _start(task, instrument, self._stderr)
            else:
                self._process = server.fork(self._stderr)
        except OSError as error:
            raise MeasurementError(f"cannot start a process: {os_reason(error)}") from error
        self.task = task
        self._instrument = instrument
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
        self._since_s = time.monotonic()

    @property
    def left_s(self) -> float | None:
        """Seconds that it may still take for what it does now; None for ever."""
        if self._limit_s is None:
            return None
        return max(0.0, self._since_s + self._limit_s - time.monotonic())

    def receive(self) -> dict[str, Any]:
        """Wait for the next reply.

        Raises:
            UsageError: what the worker was given to build cannot be built.
            NotComparableError: what it was to compare is of two kinds.
            WriteError: it could not write a file.
            MeasurementError: it failed in another way, died, sent what is no reply, or called an
                engine and gave no answer within the time for that.
        """
        while True:
            left_s = self.left_s
            if left_s is not None and not _is_readable(self, left_s):
                self.give_up()
            reply = self.hear()
            if reply is not None:
                return reply

    def hear(self) -> dict[str, Any] | None:
        """Read what has come, or wait for it; None where that was no whole reply.

        Raises:
            SegbenchError: as for :meth:`receive`.
        """
        come = os.read(self.fileno(), AT_ONCE)
        if not come:
            raise self._death()
        reply = None
        try:
            for message in self._messages.take(come):
                told = stage_in(message)
                if told is None:
                    reply = message
                else:
                    self._begin(*told)
        except ValueError as error:  # of decoding, both of characters and of JSON
            raise MeasurementError(
                f"{self._name} sent what is no reply; a network must not write to files that it "
                "did not open"
            ) from error
        failure = None if reply is None else failure_in(reply)
        if failure is not None:
            raise failure
        return reply

    def _begin(self, stage: Stage | None, least_s: float) -> None:
        """Take note of what it does now."""
        self._stage, self._limit_s = stage, limit_of(stage, least_s)
        self._since_s = time.monotonic()

    def give_up(self) -> NoReturn:
        """Kill the process, which has used up its time.

        Raises:
            MeasurementError: always.
        """
        self._process.kill()
        self._process.wait()
        limit = in_words(self._limit_s or 0.0)
        said = "was not ready after" if self._stage == "preparing" else "gave no answer for"
        error = MeasurementError(
            f"{self._name} {said} {limit}; leave it out, or try a smaller --size or --batch"
        )
        error.add_note(stderr_tail(self._stderr))
        raise error

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask, and wait for the reply."""
        self.send({"do": do, **arguments})
        return self.receive()

    def close(self) -> None:
        """Kill the process if it still runs, and take note of its end."""
        if isinstance(self._process, subprocess.Popen) and self._process.poll() is None:
            # Its session is its own, with what it has started: a compiler may be at work.
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
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

    @property
    def _name(self) -> str:
        """What to call it in an error; one that trains is not bound to the network of its task."""
        if self._instrument == "training":
            return "the worker that trained"
        revision = self.task.revision
        at = "" if revision is None else f" at revision {revision!r}"
        return f"the worker that measured {self.task.label!r}{at}"

    def _death(self) -> MeasurementError:
        if isinstance(self._process, subprocess.Popen):
            # A network may have closed its process's files, and go on for ever.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE_S)
            self._process.kill()
        error = MeasurementError(f"{self._name} {describe_end(self._process.wait())}")
        error.add_note(stderr_tail(self._stderr))
        return error


def _start(task: Task, instrument: str, stderr: IO[bytes]) -> subprocess.Popen[str]:
    """Start a worker that is forked from nothing."""
    last = f"from segbench.measurement.workers.child import main; main({os.getpid()})"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", child_program(task.roots, sys.path, last)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=worker_environment(task, instrument, os.environ),
        text=True,
        start_new_session=True,
    )


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

    For what is counted and not timed. Of several that fail, the first question's error is raised,
    whichever process was the quickest.

    Args:
        progress: called with the number of replies so far.
    """
    found = try_each(questions, at_a_time=at_a_time, progress=progress, stops=True)
    for reply in found:
        if isinstance(reply, SegbenchError):
            raise reply
    return cast("list[dict[str, Any]]", found)


def try_each(
    questions: Sequence[Question],
    *,
    at_a_time: int,
    progress: Callable[[int], None],
    stops: bool = False,
) -> list[dict[str, Any] | SegbenchError | None]:
    """Put each question to a fresh process, and return what came of each, failures too.

    Args:
        progress: called with the number of replies so far.
        stops: end with the first question that fails; those after it have None.
    """
    replies: dict[int, dict[str, Any]] = {}
    failures: dict[int, SegbenchError] = {}
    waiting = deque(enumerate(questions))
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or selector.get_map():
                while waiting and len(selector.get_map()) < at_a_time:
                    number, question = waiting.popleft()
                    selector.register(question.put(), selectors.EVENT_READ, number)
                progress(len(replies))
                for key, ready in selector.select(_left_s(selector)) or _overdue(selector):
                    worker = cast("Worker", key.fileobj)
                    try:
                        reply = worker.hear() if ready else worker.give_up()
                    except SegbenchError as error:
                        failures[key.data] = error
                    else:
                        if reply is None:  # it has begun with something else
                            continue
                        replies[key.data] = reply
                    selector.unregister(worker)
                    worker.close()
                if failures and stops:
                    waiting.clear()
                    _close_after(min(failures), selector)
        finally:
            _close_after(-1, selector)
    return [failures.get(number) or replies.get(number) for number in range(len(questions))]


def _left_s(selector: selectors.BaseSelector) -> float | None:
    """Return the seconds until the first of several workers has used up its time."""
    left = (cast("Worker", key.fileobj).left_s for key in selector.get_map().values())
    return min((each for each in left if each is not None), default=None)


def _overdue(selector: selectors.BaseSelector) -> list[tuple[selectors.SelectorKey, int]]:
    """Return the workers that have used up their time; nothing can be read from them."""
    keys = selector.get_map().values()
    return [(key, 0) for key in keys if cast("Worker", key.fileobj).left_s == 0]


def _is_readable(worker: Worker, seconds: float) -> bool:
    """Wait until something comes from a worker; False where nothing does in so many seconds."""
    with selectors.DefaultSelector() as selector:
        selector.register(worker, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def _close_after(first: int, selector: selectors.BaseSelector) -> None:
    """End the workers whose questions come after one."""
    for key in list(selector.get_map().values()):
        if key.data > first:
            worker = cast("Worker", key.fileobj)
            selector.unregister(worker)
            worker.close()


def ask_once(question: Question) -> dict[str, Any]:
    """Put one question to a fresh process and return its reply."""
    with question.put() as worker:
        return worker.receive()
