"""Train runs two at a time, a thread each, where how long they take is not what is asked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local
from typing import cast

from segbench.measurement.settings import Settings
from segbench.measurement.workers.supervisor import Worker
from segbench.search.spaces.spark import STUDY
from segbench.training.config import Job
from segbench.training.worker_replies import EpochReply, RunReply

AT_ONCE = 2


def train_side_by_side(jobs: Sequence[Job], folder: Path) -> list[list[float]]:
    """Return the best mIoU after each epoch of each run; what is there is not done again.

    Args:
        folder: of the runs, which are kept below it by number.
    """
    settings, mine = Settings.of(threads=1), local()
    workers: list[Worker] = []

    def one(number: int, job: Job) -> list[float]:
        if not hasattr(mine, "worker"):
            mine.worker = Worker(settings.task(STUDY.reference_model), "training")
            mine.worker.receive()
            workers.append(mine.worker)
        path = str(folder / f"{number:04}")
        reply = mine.worker.ask("begin", job=job.to_json(), folder=path, cache=None)
        best = cast("RunReply", reply)["best"]
        while len(best) < job.effective_recipe.epochs:
            best = cast("EpochReply", mine.worker.ask("epoch"))["best"]
        done = f"{number + 1} of {len(jobs)}: mIoU {best[-1]:.4f}"
        print(done, file=sys.stderr, flush=True)  # noqa: T201
        return best

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, range(len(jobs)), jobs))
    finally:
        for worker in workers:
            worker.close()
