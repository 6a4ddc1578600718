"""Search configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.bounds import check_count
from segbench.measurement.settings import Settings
from segbench.search.latency_budget import LatencyBudget
from segbench.search.proposals import check_sampler
from segbench.training.config import VOID_IS_CLASS, Job

STRIDE = 16  # of SegFast's smallest maps


@dataclass(frozen=True)
class SearchConfig:
    """Everything that a search depends on, except the machine.

    Attributes:
        study: name of a search space, or path of a file.
        job: training of each network; its model is replaced.
        trials: total to finish, counting those before a resume.
        size: height and width at which latencies are measured; None for the training size.
        budget: slower networks are not trained, except the reference model.
        storage: address as Optuna writes it; None for a file in the folder.

    Raises:
        UsageError: a value is out of its range.
    """

    study: str
    job: Job
    trials: int
    size: tuple[int, int] | None = None
    budget: LatencyBudget | None = None
    threads: int | None = None
    runtime: str = "eager"
    sampler: str = "front"
    storage: str | None = None

    def __post_init__(self) -> None:
        check_sampler(self.sampler)
        check_count("trials", self.trials)

    def settings(self, classes: int) -> Settings:
        """Return the settings of latency measurements, for a dataset of so many classes."""
        job = self.job
        outputs = classes + (job.protocol in VOID_IS_CLASS)
        return Settings.of(
            threads=self.threads, size=self.size or job.size, classes=outputs, runtime=self.runtime,
            seed=job.seed,
        )  # fmt: skip

    def identity(self) -> dict[str, Any]:
        """Return what must not change when a search is resumed."""
        job = self.job.to_json()
        kept = {name: job[name] for name in job if name not in {"model", "data_root", "device"}}
        return {
            "study": Path(self.study).stem,
            "job": kept,
            # A recipe's name may mean something else in a later version.
            "recipe": self.job.effective_recipe.to_json(),
            "size": list(self.size or self.job.size),
            "budget": None if self.budget is None else self.budget.identity,
            "runtime": self.runtime,
            "sampler": self.sampler,
        }


def training_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the default training size of a search: a third of each side, or a little more.

    Sides are rounded up to multiples of 16: SegFast halves its maps four times, and has to crop
    where a side is odd.

    >>> training_size((224, 224)), training_size((360, 480))
    ((80, 80), (128, 160))
    """
    height, width = (-(-side // (3 * STRIDE)) * STRIDE for side in size)
    return height, width
