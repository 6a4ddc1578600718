"""Training instrument: a worker that trains a run, one epoch per request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segbench.measurement.workers.protocol import Task
from segbench.training.config import Job
from segbench.training.run import TrainingRun
from segbench.training.run_folder import RunFolder
from segbench.training.worker_replies import EpochReply, RunReply
from zoo.allowed import allow_named


class Trainee:
    """Trains one run after another, in a process whose death does not end the search."""

    def __init__(self, _task: Task) -> None:
        self._run: TrainingRun | None = None

    def begin(self, job: dict[str, Any], folder: str, cache: str | None) -> RunReply:
        """Begin a run, or resume the one that is in the folder."""
        path = Path(folder)
        for name in (job["model"], job["dataset"]):  # the search has checked both
            allow_named(name)
        if self._run is not None:
            self._run.close()
        self._run = TrainingRun.begin(
            Job.from_json(job),
            path,
            resume=RunFolder(path).is_begun,
            cache=None if cache is None else Path(cache),
        )
        return {"best": _best_so_far(self._run), "done": self._run.trainer.is_done}

    def epoch(self) -> EpochReply:
        """Train for one more epoch."""
        assert self._run is not None  # noqa: S101 - it was begun
        _, speed = self._run.advance()
        return {
            "best": _best_so_far(self._run),
            "done": self._run.trainer.is_done,
            "seconds": speed.train_s + speed.validation_s,
        }


def _best_so_far(run: TrainingRun) -> list[float]:
    """Return the best mIoU after each epoch."""
    best, found = 0.0, []
    for epoch in run.trainer.history:
        best = max(best, epoch.miou)
        found.append(best)
    return found
