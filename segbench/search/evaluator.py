"""Local evaluator: measures and trains in workers on this machine, one computing at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from segbench.errors import MeasurementError, SegbenchError, UsageError
from segbench.measurement.settings import Settings
from segbench.measurement.workers.cached_pools import CachedPools
from segbench.measurement.workers.supervisor import Worker
from segbench.progress import Progress, ignore_progress
from segbench.search.latency import time_beside
from segbench.search.space import Study, Values, key_of
from segbench.search.trial import LatencyRatio
from segbench.training.config import Job
from zoo.errors import ZooError

if TYPE_CHECKING:
    from segbench.training.worker_replies import EpochReply, RunReply

TRIALS = "trials"


@dataclass
class LocalEvaluator:
    """Evaluator of a search on this machine.

    Attributes:
        settings: of the measurements.
        job: of the training of each network; its model is replaced.
        folder: of the search, with the run of each trial below it.
        trials: of the search; no more of the study's first networks are measured.
        on_epoch: called with a trial's number, the epochs behind it and its best mIoU so far.
        pools: worker pools that all measurements share.
    """

    study: Study
    settings: Settings
    job: Job
    folder: Path
    trials: int
    cache: Path | None = None
    progress: Progress = ignore_progress
    on_epoch: Callable[[int, int, float], None] = lambda _number, _epochs, _miou: None
    pools: CachedPools = field(default_factory=CachedPools)
    _training_worker: Worker | None = field(default=None, init=False)
    _measured: dict[str, LatencyRatio] = field(default_factory=dict, init=False)

    def time(self, values: Values) -> LatencyRatio:
        """Measure the network of a choice beside the reference model, while nothing trains.

        The study's first networks are measured together when the first of them is asked for: one
        process of the reference model then serves all of them in a round.

        Raises:
            UsageError: the study is at fault.
            MeasurementError: the network cannot be built or measured, or its process died.
        """
        key = key_of(values, self.study)
        if key not in self._measured:
            self._measure(self._with_those_after(key) or [values])
        return self._measured.pop(key)

    @property
    def first(self) -> Sequence[Values]:
        """Networks that the search begins with, which are measured together."""
        return self.study.first[: self.trials]

    def _with_those_after(self, key: str) -> list[Values]:
        """Return one of the first networks and those after it; nothing for any other network."""
        keys = [key_of(values, self.study) for values in self.first]
        return list(self.first[keys.index(key) :]) if key in keys else []

    def _measure(self, networks: list[Values]) -> None:
        specs = [self.study.network(values) for values in networks]
        try:
            found = time_beside(
                specs,
                self.study.reference_model,
                self.settings,
                pools=self.pools,
                progress=self.progress,
            )
        except (MeasurementError, UsageError, ZooError) as error:  # each is the network's fault
            self.pools.close()  # one of their processes may be what died
            if len(networks) == 1:
                raise MeasurementError(str(error)) from error
            self._measure(networks[:1])  # which need not be the one at fault
        else:
            keys = (key_of(values, self.study) for values in networks)
            self._measured |= zip(keys, found, strict=True)

    def train(self, number: int, values: Values, *, until: int) -> float:
        """Train the network of a trial on to so many epochs; return the best mIoU by then.

        Raises:
            UsageError: the dataset is at fault.
            WriteError: the disk is.
            MeasurementError: the network is: its loss is no number, or its process died.
        """
        worker = self._worker()
        try:
            best = self._begin(worker, number, values)
            while len(best) < until:
                best = cast("EpochReply", worker.ask("epoch"))["best"]
                self.on_epoch(number, len(best), best[-1])
        except SegbenchError:
            self._end_training_worker()  # its memory is of no use to the next trial
            raise
        return float(best[until - 1])

    def _begin(self, worker: Worker, number: int, values: Values) -> list[float]:
        """Begin or resume a trial's run; return the best mIoU after each epoch behind it."""
        job = replace(self.job, model=str(self.study.network(values)))
        cache = None if self.cache is None else str(self.cache)
        folder = str(self.folder / TRIALS / f"{number:04}")
        reply = worker.ask("begin", job=job.to_json(), folder=folder, cache=cache)
        return cast("RunReply", reply)["best"]

    def _worker(self) -> Worker:
        """Return the worker that trains, started anew if there is none."""
        if self._training_worker is None:
            task = self.settings.task(self.study.reference_model)
            self._training_worker = Worker(task, "training")
            self._training_worker.receive()
        return self._training_worker

    def close(self) -> None:
        """End all its processes."""
        self.pools.close()
        self._end_training_worker()

    def _end_training_worker(self) -> None:
        if self._training_worker is not None:
            self._training_worker.close()
            self._training_worker = None
