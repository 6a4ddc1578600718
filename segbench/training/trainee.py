"""The training instrument: a worker that trains a run, an epoch each time it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segbench.protocol import Task
from segbench.training.job import Job
from segbench.training.run_folder import RunFolder
from segbench.training.running import Running


class Trainee:
    """Trains one run after another; a worker of its own, so that its death is not the search's."""

    def __init__(self, _task: Task) -> None:
        self._running: Running | None = None

    def begin(self, job: dict[str, Any], folder: str, cache: str | None) -> dict[str, Any]:
        """Begin with a run, or go on with the one that is in the folder.

        Returns:
            The epochs that are behind it.
        """
        path = Path(folder)
        if self._running is not None:
            self._running.close()
        self._running = Running.begin(
            Job.from_json(job),
            path,
            resume=RunFolder(path).is_begun,
            cache=None if cache is None else Path(cache),
        )
        return self._state(self._running)

    def epoch(self) -> dict[str, Any]:
        """Train for one more epoch."""
        assert self._running is not None  # noqa: S101 - it was begun
        _, speed = self._running.advance()
        return {**self._state(self._running), "seconds": speed.train_s + speed.validation_s}

    @staticmethod
    def _state(running: Running) -> dict[str, Any]:
        """Return the epochs, and the best mIoU after each."""
        best, found = 0.0, []
        for epoch in running.trainer.history:
            best = max(best, epoch.miou)
            found.append(best)
        return {"best": found}
