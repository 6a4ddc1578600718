"""Pools that serve one measurement after another, so that few of them have torch to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from segbench.errors import SegbenchError
from segbench.measurement.workers.pool import MOST_AHEAD, Opens, WorkerPool, start_pools
from segbench.measurement.workers.protocol import Task
from segbench.measurement.workers.supervisor import Worker


class StartsPools(Protocol):
    """What the pools of a measurement come from; :func:`start_pools` for one."""

    def __call__(self, tasks: Sequence[Task], count: int, *, training: bool) -> Sequence[Opens]:
        """Return pools for so many rounds more."""
        ...


@dataclass
class CachedPools:
    """The pools of measurements that follow each other.

    As in any measurement, no two rounds of one have a process in common; the first of the next have
    what their workers are forked from in common with the first of this.

    Attributes:
        most: pools that are kept; those of more rounds end with their round.
    """

    most: int = MOST_AHEAD
    _kept: list[WorkerPool] = field(default_factory=list, init=False)

    def begin(self) -> StartsPools:
        """Return what the pools of one measurement come from."""
        rested = list(self._kept)

        def start(tasks: Sequence[Task], count: int, *, training: bool) -> list[Opens]:
            lent = rested[:count]
            del rested[:count]
            fresh = start_pools(tasks, count - len(lent), training=training)
            room = self.most - len(self._kept)
            self._kept += fresh[:room]
            return [*map(_Lent, lent + fresh[:room]), *fresh[room:]]

        return start

    def close(self) -> None:
        """End all their processes; a measurement that begins later has others."""
        while self._kept:
            self._kept.pop().close()


@dataclass
class _Lent:
    """A pool that rests when it is closed."""

    pool: WorkerPool

    def try_open(self, tasks: Sequence[Task]) -> list[Worker | SegbenchError]:
        return self.pool.try_open(tasks)

    def close(self) -> None:
        self.pool.dismiss()
