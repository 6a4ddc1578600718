"""How long a search may still go on, by what measuring and training took so far."""

from __future__ import annotations

import time

from segbench.search.rungs import rungs_of
from segbench.searches import Searched


class Pace:
    """What was done, and how many seconds it took.

    Args:
        epochs: of a network that goes all the way.
    """

    def __init__(self, epochs: int) -> None:
        self._epochs, self._together = epochs, 0
        self._measured, self._measured_s = 0, 0.0
        self._trained, self._trained_s = 0, 0.0
        self._measures = False
        self._since_s = time.monotonic()

    def measure_together(self, networks: int) -> None:
        """Note that so many are measured from now on, before the first of them is a trial."""
        self._lap()
        self._together, self._measures = networks, True

    def stage(self, *, measures: bool) -> None:
        """Note that a trial is measured from now on, or trained."""
        took_s = self._lap()
        if self._measures:
            self._measured_s += took_s
        self._measures = measures
        self._measured += measures

    def epoch(self) -> None:
        """Note that a trial was trained for an epoch."""
        self._trained += 1
        self._trained_s += self._lap()

    def left_s(self, found: Searched) -> tuple[float, float]:
        """Return the fewest and the most seconds until the search is done.

        The fewest if all that is not trained yet is stopped at the first rung it comes to, the most
        if all of it is trained to the end.
        """
        to_come = found.asked - len(found.trials)
        waiting = sum(
            self._epochs - each.epochs for each in found.trials if each.state == "waiting"
        )
        epoch_s = self._trained_s / max(1, self._trained)
        measuring_s = to_come * self._measured_s / max(1, self._measured, self._together)
        least = to_come * rungs_of(self._epochs)[0]
        most = to_come * self._epochs + waiting
        return measuring_s + least * epoch_s, measuring_s + most * epoch_s

    def _lap(self) -> float:
        now_s = time.monotonic()
        took_s, self._since_s = now_s - self._since_s, now_s
        return took_s
