"""Crews that serve one measurement after another, so that few of them have torch to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from segbench.crews import Crew, start_crews
from segbench.measuring import Worker
from segbench.protocol import Task
from segbench.rounds import MOST_AHEAD, Opens


class StartsCrews(Protocol):
    """What the crews of a measurement come from; :func:`segbench.crews.start_crews` for one."""

    def __call__(self, tasks: Sequence[Task], count: int, *, training: bool) -> Sequence[Opens]:
        """Return crews for so many rounds more."""
        ...


@dataclass
class KeptCrews:
    """The crews of measurements that follow each other.

    As in any measurement, no two rounds of one have a process in common; the first of the next have
    what their workers are forked from in common with the first of this.

    Attributes:
        most: crews that are kept; those of more rounds end with their round.
    """

    most: int = MOST_AHEAD
    _kept: list[Crew] = field(default_factory=list, init=False)

    def begin(self) -> StartsCrews:
        """Return what the crews of one measurement come from."""
        rested = list(self._kept)

        def start(tasks: Sequence[Task], count: int, *, training: bool) -> list[Opens]:
            lent = rested[:count]
            del rested[:count]
            fresh = start_crews(tasks, count - len(lent), training=training)
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
    """A crew that rests when it is closed."""

    crew: Crew

    def open(self, tasks: Sequence[Task]) -> list[Worker]:
        return self.crew.open(tasks)

    def close(self) -> None:
        self.crew.dismiss()
