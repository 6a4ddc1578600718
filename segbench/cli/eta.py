"""Remaining time of a search, from the measurements and epochs so far."""

from __future__ import annotations

import time

from segbench.results.search import SearchResult
from segbench.search.rungs import rungs_of


class RemainingTime:
    """Estimate of the remaining time.

    Args:
        epochs: at the last rung.
    """

    def __init__(self, epochs: int) -> None:
        self._epochs, self._together = epochs, 0
        self._measured, self._measured_s = 0, 0.0
        self._trained, self._trained_s = 0, 0.0
        self._measures = False
        self._since_s = time.monotonic()

    def measure_together(self, networks: int) -> None:
        """Note that the first networks are measured from now on, before they are trials."""
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

    def seconds(self, found: SearchResult) -> tuple[float, float]:
        """Return the fewest and the most seconds until the search is done.

        The fewest if all trials to come stop at their first rung, the most if all trials are
        trained to the end.
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
