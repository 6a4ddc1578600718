"""What is searched, and how: all that a search depends on but the machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segbench.errors import UsageError
from segbench.search.limit import Limit
from segbench.search.proposing import check_sampler
from segbench.settings import Settings
from segbench.training.job import VOID_IS_CLASS, Job

STRIDE = 16  # of SegFast's smallest maps


@dataclass(frozen=True)
class Plan:
    """What is searched, and how.

    Attributes:
        study: a name, or the path of a file.
        job: how each network is trained; its model is replaced.
        trials: that are over at the end.
        size: height and width at which latencies are measured; None for that of training.
        budget: slower networks are not trained, the rival aside.
        storage: an address as Optuna writes it; a file in the folder if None.

    Raises:
        UsageError: a value is out of its range.
    """

    study: str
    job: Job
    trials: int
    size: tuple[int, int] | None = None
    budget: Limit | None = None
    threads: int | None = None
    runtime: str = "eager"
    sampler: str = "front"
    storage: str | None = None

    def __post_init__(self) -> None:
        check_sampler(self.sampler)
        if self.trials < 1:
            raise UsageError(f"trials must be a positive whole number, got {self.trials}")

    def settings(self, classes: int) -> Settings:
        """Return how latencies are measured: with the classes of the data."""
        job = self.job
        outputs = classes + (job.protocol in VOID_IS_CLASS)
        return Settings(
            threads=self.threads, size=self.size or job.size, classes=outputs, runtime=self.runtime,
            seed=job.seed,
        )  # fmt: skip

    def identity(self) -> dict[str, Any]:
        """Return what may not change while a search is gone on with."""
        job = self.job.to_json()
        kept = {name: job[name] for name in job if name not in {"model", "data_root", "device"}}
        return {
            "study": Path(self.study).stem,
            "job": kept,
            "recipe": self.job.plan.to_json(),  # for a name may come to mean something else
            "size": list(self.size or self.job.size),
            "budget": None if self.budget is None else asdict(self.budget),
            "runtime": self.runtime,
            "sampler": self.sampler,
        }


def training_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width that a search trains with by default: a third, or a bit more.

    They are rounded up to multiples of 16, for SegFast halves its maps four times, and where a side
    is odd it has to crop.

    >>> training_size((224, 224)), training_size((360, 480))
    ((80, 80), (128, 160))
    """
    height, width = (-(-side // (3 * STRIDE)) * STRIDE for side in size)
    return height, width
