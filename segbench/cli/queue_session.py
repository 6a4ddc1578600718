"""Session of a queue of trainings on a terminal: a line for each epoch, and the hours left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from segbench.cli.lists import print_queue
from segbench.cli.output import progress_bar
from segbench.cli.signals import interrupts_kept
from segbench.errors import ExitCode
from segbench.progress import Progress
from segbench.training.queue import train_queue
from segbench.training.queue_file import QueuedRun
from segbench.training.queue_folder import RunState, in_all


class QueueProgress:
    """Progress of a queue.

    Args:
        check: raises KeyboardInterrupt, if one came and was lost.
    """

    def __init__(
        self, bar: Progress, runs: Sequence[QueuedRun], check: Callable[[], None] = lambda: None
    ) -> None:
        self._bar, self._runs, self._check = bar, runs, check

    def begin(self, run: QueuedRun, states: Sequence[RunState]) -> None:
        """Print which run begins, and where."""
        self._check()
        state = states[self._runs.index(run)]
        begins = f"goes on after epoch {state.epochs}" if state.epochs else "begins"
        _tell(f"{self._place(run)} {begins}; {_in_all(states)}")

    def decode(self, doing: str, done: int, count: int) -> None:
        """Draw the bar: a dataset is decoded."""
        self._bar(doing, done, count)

    def epoch(self, run: QueuedRun, states: Sequence[RunState]) -> None:
        """Print the figures of an epoch and the remaining hours, and draw the bar."""
        self._check()
        state = states[self._runs.index(run)]
        best = "" if state.best is None else f", best mIoU {state.best.miou:.4f}"
        _tell(
            f"{self._place(run)}: epoch {state.epochs} of {state.most}{best}, "
            f"{_hours(state.spent_s, state.left_s or 0.0)}; {_in_all(states)}"
        )
        self._bar(self._place(run), state.epochs, state.most)

    def failed(self, run: QueuedRun, line: str) -> None:
        """Print why a run has failed."""
        _tell(f"segbench: {self._place(run)} failed: {line}")

    def _place(self, run: QueuedRun) -> str:
        return f"run {self._runs.index(run) + 1} of {len(self._runs)}, {run.name}"


def train_queue_with_progress(runs: Sequence[QueuedRun], folder: Path) -> ExitCode:
    """Train the runs, and print a table of them."""
    try:
        with interrupts_kept() as check, progress_bar() as bar:
            states = train_queue(runs, folder, QueueProgress(bar, runs, check))
    except KeyboardInterrupt:
        print(
            f"segbench: interrupted; every whole epoch is in {folder}, the same command goes on",
            file=sys.stderr,
        )
        return ExitCode.INTERRUPTED
    print_queue(states, folder)
    return ExitCode.FAILED if any(state.failure for state in states) else ExitCode.OK


def _in_all(states: Sequence[RunState]) -> str:
    whole = in_all(states)
    more = f" and those of {whole.untimed} not timed yet" if whole.untimed else ""
    return f"in all {_hours(whole.spent_s, whole.left_s)}{more}"


def _hours(spent_s: float, left_s: float) -> str:
    return f"{spent_s / 3600:.2f} h spent, {left_s / 3600:.2f} h left"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
