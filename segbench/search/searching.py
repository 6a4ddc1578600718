"""A search in its folder: begun, gone on with, and written down after every trial.

search.json         what was found by now: the result, which `segbench search show` reads
study.db            the trials, in Optuna's storage, unless another one was named
ratios.json         what the predictor of latencies was learnt from
trials/NNNN         the run of each network that was trained
front.png           all trials, the front, and how it grew
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from segbench.data.cache import load_split
from segbench.data.registry import open_dataset
from segbench.errors import UsageError
from segbench.folder_lock import give_up, lock_folder
from segbench.rounds import Progress
from segbench.search.engine import Effort, Search, reference_for
from segbench.search.front_sampler import FrontProposer
from segbench.search.laboratory import Machine
from segbench.search.ledger import Ledger, Tried, sqlite
from segbench.search.loading import load_study
from segbench.search.outcome import outcome
from segbench.search.plan import Plan
from segbench.search.proposing import (
    OPTUNA,
    OptunaProposer,
    Proposer,
    RandomProposer,
)
from segbench.search.screening import ratio_model
from segbench.search.space import Study, Values
from segbench.search.timing import Timed
from segbench.searches import Searched
from segbench.store import save

ANCHOR = "anchor"
RESULT, STORAGE, RATIOS = "search.json", "study.db", "ratios.json"


@dataclass(frozen=True)
class Watch:
    """Who is told how a search goes on.

    Attributes:
        progress: what is done, how much of it, and of how much.
        stage: a trial's number, and what is done with it.
        epoch: a trial's number, the epochs behind it, its best mIoU.
        news: a trial's number, and what was found by now, whenever one came to a rung or its end.
    """

    progress: Progress = lambda _doing, _done, _total: None
    stage: Callable[[int, str], None] = lambda _number, _doing: None
    epoch: Callable[[int, int, float], None] = lambda _number, _epochs, _miou: None
    news: Callable[[int, Searched], None] = lambda _number, _found: None


@dataclass
class Searching:
    """A search that is under way.

    Args:
        resume: refuse to begin anew.

    Raises:
        UsageError: the folder holds another search, or none where one was to be gone on with.
        DataError: the dataset cannot be read.
    """

    plan: Plan
    folder: Path
    resume: bool = False
    watch: Watch = field(default_factory=Watch)
    cache: Path | None = None

    def __post_init__(self) -> None:
        plan, job = self.plan, self.plan.job
        self.study: Study = load_study(plan.study)
        kept = (self.folder / RESULT, self.folder / STORAGE)
        if self.resume and not any(path.exists() for path in kept):
            raise UsageError(
                f"there is no search in {str(self.folder)!r} to go on with; leave out --resume"
            )
        data = open_dataset(job.dataset, Path(job.data_root) if job.data_root else None)
        for split in ("train", "val"):  # before anything is measured, and once for all trials
            load_split(data, split, size=job.size, progress=self.watch.progress, root=self.cache)
        self.settings = plan.settings(len(data.classes))
        self._lock = lock_folder(self.folder)
        try:
            self.ledger = Ledger(
                plan.storage or sqlite(self.folder / STORAGE),
                self.folder.resolve().name,
                self.study,
                {**plan.identity(), "threads": self.settings.thread_count},
            )
        except BaseException:
            give_up(self._lock)
            raise
        self.machine = Machine(
            self.study,
            self.settings,
            job,
            self.folder,
            trials=plan.trials,
            cache=self.cache,
            on_epoch=self.watch.epoch,
        )

    def run(self) -> Searched:
        """Search until as many trials are over as were asked for.

        Raises:
            KeyboardInterrupt: what was found by then stands in the folder.
        """
        try:
            for trial in self._trials():
                self.watch.news(trial.seen.number, self._write(complete=False))
            return self._write(complete=True)
        finally:
            self.close()

    def close(self) -> None:
        """End the worker that trains, and let other searches into the folder."""
        self.machine.close()
        self._lock.release()

    def _trials(self) -> Iterator[Tried]:
        plan, anchor = self.plan, self._anchor()
        anchor_s = anchor.rival_s
        latency = self._latency(anchor_s)
        effort = Effort(
            trials=plan.trials,
            epochs=plan.job.plan.epochs,
            budget_s=self._budget_s(anchor_s),
            seed=plan.job.seed,
        )
        proposer = self._proposer(latency, anchor_s)
        yield from Search(
            self.study,
            effort,
            self.ledger,
            self.machine,
            proposer,
            anchor_s=anchor_s,
            rival=anchor,
            latency=latency,
            on_stage=self.watch.stage,
        ).run()

    def _anchor(self) -> Timed:
        """Return what was measured of the rival, beside itself, when the search began."""
        if self.ledger.noted(ANCHOR) is None:
            self.watch.progress("measuring the rival", 0, 1)
            self.ledger.note(ANCHOR, self.machine.time(self.study.first[0]).to_json())
        return Timed.from_json(self.ledger.noted(ANCHOR))

    def _budget_s(self, anchor_s: float) -> float | None:
        budget = self.plan.budget
        return None if budget is None else budget.seconds(anchor_s)

    def _latency(self, anchor_s: float) -> Callable[[Values], float] | None:
        """Return the predictor of seconds, where something would look at it.

        It is made when it is first asked, for a proposal: by then the networks that the study
        begins with were measured, and it learns from them too.
        """
        if self.plan.sampler != "front" and self.plan.budget is None:
            return None

        @cache
        def model() -> Callable[[Values], float]:
            begun = self.ledger.tried()[: len(self.study.first)]
            return ratio_model(
                self.study,
                self.settings,
                classes=self.settings.classes or 0,
                kept=self.folder / RATIOS,
                crews=self.machine.crews,
                progress=self.watch.progress,
                trials=self.plan.trials,
                measured=[(each.seen.values, each.timed.ratio) for each in begun if each.timed],
            )

        return lambda values: anchor_s * model()(values)

    def _proposer(self, latency: Callable[[Values], float] | None, anchor_s: float) -> Proposer:
        name = self.plan.sampler
        if name == "random":
            return RandomProposer(self.study)
        if name in OPTUNA:
            return OptunaProposer(self.study, OPTUNA[name])
        assert latency is not None  # noqa: S101 - it was made for this sampler
        return FrontProposer(self.study, latency, reference_for(anchor_s), self._budget_s(anchor_s))

    def _write(self, *, complete: bool) -> Searched:
        """Return what was found by now, and keep it."""
        found = outcome(
            self.plan,
            self.study,
            self.settings,
            self.ledger,
            anchor_s=self._anchor().rival_s,
            complete=complete,
        )
        save(found, self.folder / RESULT, force=True)
        return found
