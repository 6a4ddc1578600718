"""Folder of a queue: a run folder for each of its trainings, and what went wrong in any.

    NAME-SEED/      a run, see :mod:`segbench.training.run_folder`
    failed.json     the runs that failed when they were last tried, each with its line

How far a queue is follows from these alone, without the process that works at it.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segbench.errors import UsageError
from segbench.files import is_unused, read_as, write_text
from segbench.toml_files import errors_at
from segbench.training.history import Epoch, best_of, is_finished
from segbench.training.queue_file import QueuedRun
from segbench.training.run_folder import RunFolder
from segbench.training.summary import read_history, read_speeds

FAILED = "failed.json"


@dataclass(frozen=True)
class RunState:
    """How far a run of a queue is.

    Attributes:
        epochs: trained so far; most: maximum.
        best: None before the first epoch.
        spent_s: that its epochs took, validation included.
        epoch_s: that an epoch takes: by its own, else by those of another run of the same network
            at the same size and batch; None where there are none.
        failure: why it failed when it was last tried; None if it did not.
    """

    run: QueuedRun
    epochs: int
    most: int
    is_finished: bool
    best: Epoch | None
    spent_s: float
    epoch_s: float | None
    failure: str | None

    @property
    def left_s(self) -> float | None:
        """Seconds that its epochs may still take, at most; None where that is not known."""
        if self.is_finished:
            return 0.0
        return None if self.epoch_s is None else (self.most - self.epochs) * self.epoch_s

    def __str__(self) -> str:
        """Return it in words."""
        if self.is_finished:
            return "finished"
        if self.failure is not None:
            return "failed"
        return f"epoch {self.epochs} of {self.most}" if self.epochs else "waiting"


@dataclass(frozen=True)
class Hours:
    """Seconds that the runs of a queue took and may still take, at most.

    Attributes:
        untimed: runs of which nothing is known yet; they are not in what is left.
    """

    spent_s: float
    left_s: float
    untimed: int


def in_all(states: Sequence[RunState]) -> Hours:
    """Return the hours of all runs of a queue."""
    left_s = [state.left_s for state in states]
    known_s = [each for each in left_s if each is not None]
    return Hours(
        spent_s=sum(state.spent_s for state in states),
        left_s=sum(known_s),
        untimed=len(left_s) - len(known_s),
    )


@dataclass(frozen=True)
class QueueFolder:
    """Paths and states of the runs of a queue."""

    path: Path

    def folder_of(self, run: QueuedRun) -> RunFolder:
        """Return the folder of a run."""
        return RunFolder(self.path / run.name)

    def check(self, runs: Sequence[QueuedRun], *, any_root: bool = False) -> None:
        """Refuse a folder that holds something else than its run.

        Args:
            any_root: whatever the folder is that its data lay in, for those who only look.

        Raises:
            UsageError: one is of another job, or of none.
        """
        for run in runs:
            folder = self.folder_of(run)
            with errors_at(run.place):
                if folder.is_begun:
                    root = folder.read().job.data_root if any_root else run.job.data_root
                    folder.check_job(replace(run.job, data_root=root))
                elif folder.path.exists() and not is_unused(folder.path):
                    raise UsageError(
                        f"{str(folder.path)!r} is there and is no run; remove it, or give this run "
                        "another name"
                    )

    def states(self, runs: Sequence[QueuedRun]) -> list[RunState]:
        """Return how far each run is.

        Raises:
            UsageError: a file of the queue cannot be read.
        """
        failures = self.failures()
        epochs_s = {run: self._epochs_s(run) for run in runs}
        alike: dict[object, list[float]] = {}
        for run in runs:
            alike.setdefault(_work(run), []).extend(epochs_s[run])
        return [
            self._state(
                run, epochs_s[run], epochs_s[run] or alike[_work(run)], failures.get(run.name)
            )
            for run in runs
        ]

    def _state(
        self, run: QueuedRun, own_s: list[float], known_s: list[float], failure: str | None
    ) -> RunState:
        recipe = run.job.effective_recipe
        history = read_history(self.folder_of(run).path / "history.csv")
        return RunState(
            run=run,
            epochs=len(history),
            most=recipe.epochs,
            is_finished=is_finished(history, recipe),
            best=best_of(history),
            spent_s=sum(own_s),
            epoch_s=statistics.mean(known_s) if known_s else None,
            failure=failure,
        )

    def _epochs_s(self, run: QueuedRun) -> list[float]:
        speeds = read_speeds(self.folder_of(run).path / "speed.csv")
        return [speed.train_s + speed.validation_s for speed in speeds]

    def failures(self) -> dict[str, str]:
        """Return the line of each run that failed when it was last tried, by its name.

        Raises:
            UsageError: their file is damaged.
        """
        path = self.path / FAILED
        return read_as(path, dict[str, str], what="list of failed runs") if path.exists() else {}

    def note(self, run: QueuedRun, failure: str | None) -> None:
        """Keep why a run failed, or with None that it did not.

        Raises:
            UsageError: the list is damaged.
            WriteError: it cannot be written.
        """
        before = self.failures()
        after = {name: line for name, line in before.items() if name != run.name}
        if failure is not None:
            after[run.name] = failure
        if after != before:
            write_text(self.path / FAILED, _to_json(after), force=True)


def _work(run: QueuedRun) -> object:
    """Return what the time of an epoch depends on."""
    job = run.job
    batch = job.effective_recipe.batch
    return job.model, job.dataset, job.size, batch, job.device, job.precision


def _to_json(failures: Mapping[str, str]) -> str:
    return json.dumps(failures, indent=1) + "\n"
