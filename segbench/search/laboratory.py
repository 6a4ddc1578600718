"""Where a search measures and trains: workers on this machine, one of them computing at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from segbench.errors import MeasurementError, UsageError
from segbench.kept_crews import KeptCrews
from segbench.measuring import Worker
from segbench.rounds import Progress
from segbench.search.space import Study, Values, key_of
from segbench.search.timing import Timed, time_beside
from segbench.settings import Settings
from segbench.training.job import Job

TRIALS = "trials"


@dataclass
class Machine:
    """The laboratory of a real search.

    Attributes:
        settings: of the measurements.
        job: of the training of every network; its model is replaced.
        folder: of the search; every trial's run is kept below it.
        trials: of the search; no more of the networks that the study begins with are measured.
        on_epoch: told a trial's number, the epochs behind it and its best mIoU so far.
        crews: what the processes of all measurements come from.
    """

    study: Study
    settings: Settings
    job: Job
    folder: Path
    trials: int
    cache: Path | None = None
    progress: Progress = lambda _doing, _done, _total: None
    on_epoch: Callable[[int, int, float], None] = lambda _number, _epochs, _miou: None
    crews: KeptCrews = field(default_factory=KeptCrews)
    _trainee: Worker | None = field(default=None, init=False)
    _timed: dict[str, Timed] = field(default_factory=dict, init=False)

    def time(self, values: Values) -> Timed:
        """Measure the network of a choice beside the rival, while nothing trains.

        The networks that a study begins with are measured together when the first of them is asked
        for, so that one process of the rival serves all of them in a round.

        Raises:
            MeasurementError: the network cannot be built or measured, or its process died.
        """
        key = key_of(values, self.study)
        if key not in self._timed:
            self._time(self._with_those_after(key) or [values])
        return self._timed.pop(key)

    @property
    def first(self) -> Sequence[Values]:
        """The networks that the search begins with, which are measured together."""
        return self.study.first[: self.trials]

    def _with_those_after(self, key: str) -> list[Values]:
        """Return the network and those that the search begins with after it; none for any other."""
        keys = [key_of(values, self.study) for values in self.first]
        return list(self.first[keys.index(key) :]) if key in keys else []

    def _time(self, networks: list[Values]) -> None:
        try:
            specs = [self.study.build(values) for values in networks]
            found = time_beside(
                specs,
                self.study.rival,
                self.settings,
                crews=self.crews,
                progress=self.progress,
            )
        except (MeasurementError, UsageError) as error:  # either is the network's fault
            self.crews.close()  # one of them may be what died
            if len(networks) == 1:
                raise MeasurementError(str(error)) from error
            self._time(networks[:1])  # which need not be the one at fault
        else:
            keys = (key_of(values, self.study) for values in networks)
            self._timed |= zip(keys, found, strict=True)

    def train(self, number: int, values: Values, *, until: int) -> float:
        """Train the network of a trial on to so many epochs; return the best mIoU by then.

        Raises:
            UsageError: the dataset or the disk is at fault.
            MeasurementError: the network is: its loss is no number, or its process died.
        """
        worker = self._worker()
        try:
            best = self._begin(worker, number, values)
            while len(best) < until:
                best = worker.ask("epoch")["best"]
                self.on_epoch(number, len(best), best[-1])
        except (MeasurementError, UsageError):
            self._end_trainee()  # what it has in memory is of no use to the next
            raise
        return float(best[until - 1])

    def _begin(self, worker: Worker, number: int, values: Values) -> list[float]:
        """Return the best mIoU after each epoch that is behind a trial's run."""
        job = replace(self.job, model=str(self.study.build(values)))
        cache = None if self.cache is None else str(self.cache)
        folder = str(self.folder / TRIALS / f"{number:04}")
        found: list[float] = worker.ask("begin", job=job.to_json(), folder=folder, cache=cache)[
            "best"
        ]
        return found

    def _worker(self) -> Worker:
        """Return the worker that trains, started anew if there is none."""
        if self._trainee is None:
            task = self.settings.task(self.study.rival)
            self._trainee = Worker(task, "training")
            self._trainee.receive()
        return self._trainee

    def close(self) -> None:
        """End all its processes."""
        self.crews.close()
        self._end_trainee()

    def _end_trainee(self) -> None:
        if self._trainee is not None:
            self._trainee.close()
            self._trainee = None
