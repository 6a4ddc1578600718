"""Search run in a folder: begun, resumed, and written down after each trial.

search.json         result so far, which `segbench search show` reads
study.db            trials, in Optuna's storage, unless another storage was named
study.json          identity of the search's study in the storage
ratios.json         measurements that the latency model was fitted to
trials/NNNN         training run of each network
front.png           all trials, the front, and how it grew
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from segbench.data.cache import load_split
from segbench.data.registry import open_dataset
from segbench.errors import UsageError
from segbench.files import give_up, is_unused, lock_folder
from segbench.progress import Progress, ignore_progress
from segbench.results.search import SearchResult
from segbench.results.store import save
from segbench.search.config import SearchConfig
from segbench.search.engine import Effort, Search, reference_point
from segbench.search.evaluator import TRIALS, LocalEvaluator
from segbench.search.front_sampler import FrontSampler
from segbench.search.outcome import outcome
from segbench.search.proposals import OPTUNA, OptunaSampler, RandomSampler, Sampler
from segbench.search.screening import ratio_model
from segbench.search.space import Study, Values, in_words
from segbench.search.spaces.loading import load_study
from segbench.search.storage import IDENTITY, STORAGE, SearchFolder
from segbench.search.trial import LatencyRatio, TrialRecord
from segbench.search.trial_store import TrialStore, sqlite

REFERENCE_LATENCY = "anchor"  # attribute of the stored study
RESULT, RATIOS = "search.json", "ratios.json"


@dataclass(frozen=True)
class SearchCallbacks:
    """Callbacks of a search.

    Attributes:
        progress: what is done, how much of it, and of how much.
        stage: a trial's number, and what is done with it.
        epoch: a trial's number, the epochs behind it, its best mIoU.
        news: a trial's number and the result so far, whenever a trial reaches a rung or its end.
    """

    progress: Progress = ignore_progress
    stage: Callable[[int, str], None] = lambda _number, _doing: None
    epoch: Callable[[int, int, float], None] = lambda _number, _epochs, _miou: None
    news: Callable[[int, SearchResult], None] = lambda _number, _found: None


@dataclass
class SearchRun:
    """A search in its folder, which it locks.

    Args:
        resume: fail if there is no search to resume.

    Raises:
        UsageError: the folder holds another search, or none to resume.
        DataError: the dataset cannot be read.
    """

    config: SearchConfig
    folder: Path
    resume: bool = False
    callbacks: SearchCallbacks = field(default_factory=SearchCallbacks)
    cache: Path | None = None

    def __post_init__(self) -> None:
        config, job = self.config, self.config.job
        self.study: Study = load_study(config.study)
        if self.resume and not self._has(RESULT, STORAGE, IDENTITY):
            raise UsageError(
                f"there is no search in {str(self.folder)!r} to go on with; leave out --resume"
            )
        self._check_own_folder()
        data = open_dataset(job.dataset, Path(job.data_root) if job.data_root else None)
        self.settings = config.settings(len(data.classes))
        self.settings.task(self.study.reference_model)  # other networks may fail, this one not
        for split in ("train", "val"):  # before anything is measured, and once for all trials
            progress = self.callbacks.progress
            load_split(data, split, size=job.size, progress=progress, root=self.cache)
        self._lock = lock_folder(self.folder)
        # A link that leads nowhere is somebody's too.
        had_storage = os.path.lexists(self.folder / STORAGE)
        try:
            self.store = self._open_store()
        except BaseException:
            if not had_storage:
                (self.folder / STORAGE).unlink(missing_ok=True)
            give_up(self._lock)
            raise
        self.evaluator = LocalEvaluator(
            self.study,
            self.settings,
            job,
            self.folder,
            trials=config.trials,
            cache=self.cache,
            on_epoch=self.callbacks.epoch,
        )

    def _has(self, *names: str) -> bool:
        """Tell whether one of these is in the folder."""
        # Path.exists raises where a name is too long.
        return any(os.path.exists(self.folder / name) for name in names)  # noqa: PTH110

    def _check_own_folder(self) -> None:
        """Refuse a folder with files that are no search's.

        Raises:
            UsageError: it has such files.
        """
        is_own = self._has(RESULT, STORAGE, IDENTITY, TRIALS)
        if not is_own and os.path.lexists(self.folder) and not is_unused(self.folder):
            raise UsageError(
                f"{str(self.folder)!r} holds other files than a search's; name another folder "
                "with --out"
            )

    def _open_store(self) -> TrialStore:
        config, name = self.config, self.folder.resolve().name
        return TrialStore(
            sqlite(self.folder / STORAGE) if config.storage is None else config.storage,
            name,
            self.study,
            {**config.identity(), "threads": self.settings.thread_count},
            folder=SearchFolder(
                self.folder,
                name,
                shared=config.storage is not None,
                used=self._has(RESULT, TRIALS),
            ),
        )

    def run(self) -> SearchResult:
        """Search until as many trials are over as were asked for.

        Raises:
            KeyboardInterrupt: the result so far is in the folder.
        """
        try:
            for trial in self._trials():
                self.callbacks.news(trial.number, self._write(complete=False))
            return self._write(complete=True)
        finally:
            self.close()

    def close(self) -> None:
        """End all processes, and unlock the folder."""
        self.evaluator.close()
        self._lock.release()

    def _trials(self) -> Iterator[TrialRecord]:
        config, reference = self.config, self._reference_latency()
        reference_s = reference.rival_s
        predict_latency = self._latency_predictor(reference_s)
        effort = Effort(
            trials=config.trials,
            epochs=config.job.effective_recipe.epochs,
            budget_s=self._budget_s(reference_s),
            seed=config.job.seed,
        )
        yield from Search(
            self.study,
            effort,
            self.store,
            self.evaluator,
            self._sampler(predict_latency, reference_s),
            reference_s=reference_s,
            reference_latency=reference,
            predict_latency=predict_latency,
            on_stage=self.callbacks.stage,
        ).run()

    def _reference_latency(self) -> LatencyRatio:
        """Return the reference model's own measurement, made when the search began."""
        found = self.store.read_attribute(REFERENCE_LATENCY, LatencyRatio)
        if found is None and self.store.trials():
            raise UsageError(
                f"the storage of the search in {str(self.folder)!r} is damaged: it has trials, and "
                "no latency of the reference model"
            )
        if found is None:
            self.callbacks.progress("measuring the reference model", 0, 1)
            found = self.evaluator.time(self.study.first[0])
            self.store.write_attribute(REFERENCE_LATENCY, found.to_json())
        return found

    def _budget_s(self, reference_s: float) -> float | None:
        budget = self.config.budget
        return None if budget is None else budget.seconds(reference_s)

    def _latency_predictor(self, reference_s: float) -> Callable[[Values], float] | None:
        """Return a predictor of seconds; None where nothing would use it.

        It is fitted at its first use, for a proposal. By then the study's first networks were
        measured, and are fitted too.
        """
        if self.config.sampler != "front" and self.config.budget is None:
            return None

        @cache
        def model() -> Callable[[Values], float]:
            begun = self.store.trials()[: len(self.study.first)]
            return ratio_model(
                self.study,
                self.settings,
                classes=self.settings.workload.classes or 0,
                kept=self.folder / RATIOS,
                pools=self.evaluator.pools,
                progress=self.callbacks.progress,
                trials=self.config.trials,
                measured=[(each.values, each.timed.ratio) for each in begun if each.timed],
            )

        def predict(values: Values) -> float:
            ratio = model()(values)
            if not 0 < ratio < math.inf:
                raise UsageError(
                    f"study {self.study.name!r} gives {in_words(values)} layers that take "
                    f"{ratio:g} times as long as the reference model's; let layers return what its "
                    "network does"
                )
            return reference_s * ratio

        return predict

    def _sampler(
        self, predict_latency: Callable[[Values], float] | None, reference_s: float
    ) -> Sampler:
        name = self.config.sampler
        if name == "random":
            return RandomSampler(self.study)
        if name in OPTUNA:
            return OptunaSampler(self.study, OPTUNA[name])
        assert predict_latency is not None  # noqa: S101 - it was made for this sampler
        budget_s = self._budget_s(reference_s)
        return FrontSampler(self.study, predict_latency, reference_point(reference_s), budget_s)

    def _write(self, *, complete: bool) -> SearchResult:
        """Write the result so far, and return it."""
        found = outcome(
            self.config,
            self.study,
            self.settings,
            self.store,
            reference_s=self._reference_latency().rival_s,
            complete=complete,
        )
        save(found, self.folder / RESULT, force=True)
        return found
