"""The processes of a round: fresh ones, forked from one that has imported what they need.

Importing torch takes seconds of a busy processor, and each worker would do it anew. No two rounds
have a process in common: addresses, and whatever else a process is born with, are drawn anew for
each, as they are where every worker is started by itself (docs/method.md).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Protocol

from segbench.errors import SegbenchError
from segbench.measurement.workers.child_program import child_program
from segbench.measurement.workers.fork_server import ForkServer
from segbench.measurement.workers.protocol import Task
from segbench.measurement.workers.replies import Answers
from segbench.measurement.workers.supervisor import Worker, worker_environment

# A process that has imported torch cannot be forked safely where the system's own libraries run
# threads, as on macOS. There every worker is started by itself.
FORKS = sys.platform == "linux"
MOST_AHEAD = 3  # rounds whose pools are started side by side
_Kind = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]


class Opens(Protocol):
    """What a round's workers come from, as far as it needs that (:class:`WorkerPool`)."""

    def try_open(self, tasks: Sequence[Task]) -> Sequence[Answers | SegbenchError]:
        """Return a fresh worker for each task, or why it cannot be opened."""
        ...

    def close(self) -> None:
        """End them."""
        ...


class WorkerPool:
    """The workers of a round, which end when this object is closed.

    Args:
        tasks: all that its workers may be given.
        training: prepare them for training steps.
        forks: fork the workers, instead of starting each by itself.
    """

    def __init__(self, tasks: Sequence[Task], *, training: bool, forks: bool = FORKS) -> None:
        self._training = training
        self._servers: dict[_Kind, ForkServer] = {}
        self._workers: list[Worker] = []
        try:
            for task in tasks if forks else ():
                kind = _kind_of(task)
                if kind not in self._servers:
                    self._servers[kind] = _start_server(*kind, training=training)
        except BaseException:
            self.close()
            raise

    def wait_until_ready(self) -> None:
        """Wait until nothing is left to import before workers are opened."""
        for server in self._servers.values():
            server.wait_until_ready()

    def open(self, tasks: Sequence[Task]) -> list[Worker]:
        """Return a worker for each task, all of them open.

        Raises:
            UsageError: a network cannot be built.
            MeasurementError: a worker failed or died.
        """
        found: list[Worker] = []
        for opened in self.try_open(tasks):
            if isinstance(opened, SegbenchError):
                raise opened
            found.append(opened)
        return found

    def try_open(self, tasks: Sequence[Task]) -> list[Worker | SegbenchError]:
        """Return an open worker for each task, or why there is none."""
        found = [self._start(task) for task in tasks]
        for at, worker in enumerate(found):
            try:
                if isinstance(worker, Worker):
                    worker.receive()
            except SegbenchError as error:
                found[at] = error
        return found

    def _start(self, task: Task) -> Worker | SegbenchError:
        then = {"do": "preload", "work": "training"} if self._training else None
        server = self._servers.get(_kind_of(task))
        try:
            worker = Worker(task, "timing", then=then, server=server)
        except SegbenchError as error:
            return error
        self._workers.append(worker)
        return worker

    def dismiss(self) -> None:
        """End its workers, and leave what others can be forked from."""
        while self._workers:
            self._workers.pop().close()

    def close(self) -> None:
        """End all its processes."""
        self.dismiss()
        while self._servers:
            self._servers.popitem()[1].close()


def start_pools(
    tasks: Sequence[Task], count: int, *, training: bool, forks: bool = FORKS
) -> list[WorkerPool]:
    """Start the pools of so many rounds side by side, and wait until each can be opened."""
    pools: list[WorkerPool] = []
    try:
        # One by one, so that a failure on the way loses none of those that have started.
        pools.extend(WorkerPool(tasks, training=training, forks=forks) for _ in range(count))
        for pool in pools:
            pool.wait_until_ready()
    except BaseException:
        for pool in pools:
            pool.close()
        raise
    return pools


def _kind_of(task: Task) -> _Kind:
    """Return what tells workers apart before they open: where they import from, and environment."""
    environment = worker_environment(task, "timing", os.environ)
    return task.roots, tuple(sorted(environment.items()))


def _start_server(
    roots: Sequence[str], environment: Sequence[tuple[str, str]], *, training: bool
) -> ForkServer:
    def program(descriptor: int) -> str:
        main = f"main({os.getpid()}, {descriptor}, training={training})"
        return child_program(
            roots, sys.path, f"from segbench.measurement.workers.preloaded import main; {main}"
        )

    return ForkServer(program, dict(environment))
