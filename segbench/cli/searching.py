"""Search with progress on a terminal, and leave pictures beside the result."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from segbench import units
from segbench.cli.interrupting import interrupts_kept
from segbench.cli.output import progress_bar
from segbench.cli.pace import Pace
from segbench.errors import UsageError
from segbench.results import Device
from segbench.retrainings import Retraining
from segbench.rounds import Progress
from segbench.search.engine import MEASURING
from segbench.search.page import write_page
from segbench.search.pictures import draw_search
from segbench.search.plan import Plan
from segbench.search.searching import RESULT, Searching, Watch
from segbench.searches import PICKS, Searched, Trial, pick
from segbench.store import load, write_text
from segbench.training.job import Job
from zoo.spec import ModelSpec

RETRAINED = "retrained"


class Shown:
    """What is shown of a search: a line for each trial, and a bar while one goes on.

    Args:
        pace: tells how long the search may still go on.
        check: raises KeyboardInterrupt, if one came and was lost.
    """

    def __init__(
        self, bar: Progress, plan: Plan, pace: Pace, check: Callable[[], None] = lambda: None
    ) -> None:
        self._bar, self._pace, self._check = bar, pace, check
        self._trials, self._epochs = plan.trials, plan.job.plan.epochs
        self._tried = 0

    def watch(self) -> Watch:
        """Return what a search tells it through."""
        return Watch(progress=self._bar, stage=self.stage, epoch=self.epoch, news=self.news)

    def stage(self, number: int, doing: str) -> None:
        """Draw the bar: a trial is measured, or its training begins."""
        self._check()
        self._pace.stage(measures=doing == MEASURING)
        self._draw(number, doing)

    def epoch(self, number: int, epochs: int, miou: float) -> None:
        """Draw the bar: an epoch is behind a trial."""
        self._check()
        self._pace.epoch()
        self._draw(number, f"epoch {epochs} of {self._epochs}, mIoU {miou:.3f}")

    def _draw(self, number: int, doing: str) -> None:
        self._tried = max(self._tried, number)  # one that waited may be trained on after others
        self._bar(f"trial {number}: {doing}", self._tried, self._trials)

    def news(self, number: int, found: Searched) -> None:
        """Print what a trial came to, the front so far, and how long the others may take."""
        self._tried = len(found.trials)
        print(
            f"{_describe(found.trials[number])}; front {len(found.front)}, hypervolume "
            f"{1e3 * found.hypervolume:.3f}{_best(found)}{_left(*self._pace.left_s(found))}",
            file=sys.stderr,
            flush=True,
        )
        self._check()


def _describe(trial: Trial) -> str:
    words = [f"trial {trial.number}: {trial.state}"]
    if trial.latency_s is not None:
        words.append(units.seconds(trial.latency_s))
    if trial.miou is not None:
        words.append(f"mIoU {trial.miou:.4f} after {trial.epochs} epochs")
    if trial.state == "failed":
        words.append(trial.reason)
    return ", ".join(words)


def _best(found: Searched) -> str:
    """Return the best mIoU that is within the budget; of all, where there is none."""
    best = max((trial.miou or 0 for trial in found.front), default=None)
    return "" if best is None else f", best mIoU {best:.4f}"


def _left(least_s: float, most_s: float) -> str:
    """Return how long it may still take; nothing when all is done."""
    least, most = round(least_s / 60), round(most_s / 60)
    if not most:
        return ", under a minute left" if most_s else ""
    if least == most:
        return f", {most} min left"
    return f", {least} to {most} min left" if least else f", at most {most} min left"


def search_with_progress(plan: Plan, folder: Path, *, resume: bool) -> Searched | None:
    """Search, and return what was found; None if it was interrupted."""
    try:
        with interrupts_kept() as check, progress_bar() as bar:
            pace = Pace(plan.job.plan.epochs)
            watch = Shown(bar, plan, pace, check).watch()
            searching = Searching(plan, folder, resume=resume, watch=watch)
            if not (folder / RESULT).exists():  # else that was done in an earlier part
                pace.measure_together(len(searching.machine.first))
            found = searching.run()
    except KeyboardInterrupt:
        kept = f"what was found is in {folder}" if folder.exists() else "nothing was tried yet"
        print(f"segbench: interrupted; {kept}, the same command goes on", file=sys.stderr)
        return None
    draw(found, folder)
    return found


def draw(found: Searched, folder: Path) -> None:
    """Leave the pictures of a search in its folder, and say where."""
    draw_search(folder / "front.png", found)
    pictures = [str(folder / "front.png")]
    if write_page(folder / "front.html", found):
        pictures.append(str(folder / "front.html"))
        hint = ""
    else:
        hint = "; for a page to look into: pip install 'segbench[plots]'"
    print(f"drawn: {', '.join(pictures)}{hint}", file=sys.stderr)


def read_search(folder: Path) -> Searched:
    """Return what the search of a folder found by now.

    Raises:
        UsageError: there is none.
    """
    path = folder / RESULT
    if not path.exists():
        raise UsageError(
            f"{str(folder)!r} is no search: it has no {RESULT}; begin one with segbench search"
        )
    found = load(path)
    if not isinstance(found, Searched):
        raise UsageError(f"{str(path)!r} is no result of a search")
    return found


def export_trial(found: Searched, which: str, output: Path, *, force: bool) -> None:
    """Write a network as a model file.

    Raises:
        UsageError: there is no such network, or the file cannot be written.
    """
    trial = pick(found, which)
    if trial is None:
        numbers = ", ".join(str(each.number) for each in found.front) or "none yet"
        raise UsageError(
            f"no network is {which!r}; pick {', '.join(PICKS)}, or a trial's number "
            f"(front: {numbers})"
        )
    model = ModelSpec.parse(trial.model).to_json()
    about = {"study": found.study, "dataset": found.dataset, "trial": trial.number}
    figures = {"latency_s": trial.latency_s, "ratio": trial.ratio, "miou": trial.miou}
    text = json.dumps({"model": model, "search": {**about, **figures}}, indent=1) + "\n"
    write_text(output, text, force=force)
    print(f"trial {trial.number} is in {output}: segbench compare {found.rival} {output}")


def retrain_with_progress(
    found: Searched,
    folder: Path,
    *,
    seeds: int,
    recipe: str | None,
    epochs: int | None,
    device: Device,
    data_root: Path | None,
) -> Retraining | None:
    """Train the front in full; None if it was interrupted."""
    from segbench.cli.training import watched  # noqa: PLC0415 - it takes torch
    from segbench.search.retraining import retrain  # noqa: PLC0415

    job = Job(
        model=found.rival,
        dataset=found.dataset,
        data_root=str(data_root) if data_root else None,
        size=found.size,
        protocol=found.protocol,
        recipe=recipe or found.recipe,
        epochs=epochs,
        device=device,
    )
    runs = folder / RETRAINED / f"{job.recipe}-{job.plan.epochs}"
    return watched(
        lambda shown: retrain(found, job, runs, seeds=seeds, watch=shown),
        f"every whole epoch is in {runs}, the same command goes on",
    )
