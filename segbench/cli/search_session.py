"""Search session on a terminal: progress, result and pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from segbench import units
from segbench.cli.eta import RemainingTime
from segbench.cli.output import progress_bar
from segbench.cli.signals import interrupts_kept
from segbench.errors import UsageError, WriteError
from segbench.files import check_writable, write_text
from segbench.progress import Progress
from segbench.results.retraining import Retraining
from segbench.results.search import PICKS, SearchResult, Trial, pick
from segbench.results.store import load
from segbench.results.workload import Device
from segbench.search.config import SearchConfig
from segbench.search.engine import MEASURING
from segbench.search.page import write_page
from segbench.search.plots import draw_search
from segbench.search.run import RESULT, SearchCallbacks, SearchRun
from segbench.training.config import Job
from zoo.registry import check_name
from zoo.spec import ModelSpec

RETRAINED = "retrained"


class SearchProgress:
    """Progress of a search: a line for each trial, and a bar for the current one.

    Args:
        remaining: estimates the remaining time.
        check: raises KeyboardInterrupt, if one came and was lost.
    """

    def __init__(
        self,
        bar: Progress,
        config: SearchConfig,
        remaining: RemainingTime,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._bar, self._remaining, self._check = bar, remaining, check
        self._trials, self._epochs = config.trials, config.job.effective_recipe.epochs
        self._tried = 0

    def callbacks(self) -> SearchCallbacks:
        """Return the callbacks that drive it."""
        return SearchCallbacks(
            progress=self._bar, stage=self.stage, epoch=self.epoch, news=self.news
        )

    def stage(self, number: int, doing: str) -> None:
        """Draw the bar: a trial is measured, or its training begins."""
        self._check()
        self._remaining.stage(measures=doing == MEASURING)
        self._draw(number, doing)

    def epoch(self, number: int, epochs: int, miou: float) -> None:
        """Draw the bar: a trial was trained for an epoch."""
        self._check()
        self._remaining.epoch()
        self._draw(number, f"epoch {epochs} of {self._epochs}, mIoU {miou:.3f}")

    def _draw(self, number: int, doing: str) -> None:
        self._tried = max(self._tried, number)  # a trial may be promoted after later ones began
        self._bar(f"trial {number}: {doing}", self._tried, self._trials)

    def news(self, number: int, found: SearchResult) -> None:
        """Print the trial, the front so far and the remaining time."""
        self._tried = len(found.trials)
        print(
            f"{_describe(found.trials[number])}; front {len(found.front)}, hypervolume "
            f"{1e3 * found.hypervolume:.3f}{_best(found)}{_left(*self._remaining.seconds(found))}",
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


def _best(found: SearchResult) -> str:
    """Return the best mIoU of the front as text."""
    best = max((trial.miou or 0 for trial in found.front), default=None)
    return "" if best is None else f", best mIoU {best:.4f}"


def _left(min_s: float, max_s: float) -> str:
    """Return the remaining time as text; empty when all is done."""
    fewest, most = round(min_s / 60), round(max_s / 60)
    if not most:
        return ", under a minute left" if max_s else ""
    if fewest == most:
        return f", {most} min left"
    return f", {fewest} to {most} min left" if fewest else f", at most {most} min left"


def search_with_progress(
    config: SearchConfig, folder: Path, *, resume: bool
) -> SearchResult | None:
    """Search, and return the result; None if it was interrupted."""
    try:
        with interrupts_kept() as check, progress_bar() as bar:
            remaining = RemainingTime(config.job.effective_recipe.epochs)
            callbacks = SearchProgress(bar, config, remaining, check).callbacks()
            run = SearchRun(config, folder, resume=resume, callbacks=callbacks)
            if not (folder / RESULT).exists():  # else they were measured before the resume
                remaining.measure_together(len(run.evaluator.first))
            found = run.run()
    except KeyboardInterrupt:
        kept = f"what was found is in {folder}" if folder.exists() else "nothing was tried yet"
        print(f"segbench: interrupted; {kept}, the same command goes on", file=sys.stderr)
        return None
    draw(found, folder)
    return found


def draw(found: SearchResult, folder: Path) -> None:
    """Draw the pictures of a search into its folder, and print their paths."""
    try:
        draw_search(folder / "front.png", found)
        has_page = write_page(folder / "front.html", found)
    except WriteError as error:  # the result is shown all the same
        print(f"segbench: {error}; the picture is left out", file=sys.stderr)
        return
    pictures = [str(folder / "front.png")]
    if has_page:
        pictures.append(str(folder / "front.html"))
        hint = ""
    else:
        hint = "; for a page to look into: pip install 'segbench[plots]'"
    print(f"drawn: {', '.join(pictures)}{hint}", file=sys.stderr)


def read_search(folder: Path) -> SearchResult:
    """Return the result so far of a folder's search.

    Raises:
        UsageError: there is none.
    """
    path = folder / RESULT
    if not path.is_file():
        raise UsageError(
            f"{str(folder)!r} is no search: it has no {RESULT}; begin one with segbench search"
        )
    found = load(path)
    if not isinstance(found, SearchResult):
        raise UsageError(f"{str(path)!r} is no result of a search")
    return found


def export_trial(found: SearchResult, which: str, output: Path, *, force: bool) -> None:
    """Write a network as a model file.

    Raises:
        UsageError: there is no such network, or the file cannot be written.
    """
    check_writable(output, force=force)
    trial = pick(found, which)
    if trial is None:
        numbers = ", ".join(str(each.number) for each in found.front) or "none yet"
        raise UsageError(
            f"no network is {which!r}; pick {', '.join(PICKS)}, or a trial's number "
            f"(front: {numbers})"
        )
    spec = ModelSpec.parse(trial.model)
    check_name(spec.name)
    model = spec.to_json()
    about = {"study": found.study, "dataset": found.dataset, "trial": trial.number}
    figures = {"latency_s": trial.latency_s, "ratio": trial.ratio, "miou": trial.miou}
    text = json.dumps({"model": model, "search": {**about, **figures}}, indent=1) + "\n"
    write_text(output, text, force=force)
    print(f"trial {trial.number} is in {output}: segbench compare {found.rival} {output}")


def retrain_with_progress(
    found: SearchResult,
    folder: Path,
    *,
    seeds: int,
    recipe: str | None,
    epochs: int | None,
    device: Device,
    data_root: Path | None,
) -> Retraining | None:
    """Train the front in full; None if it was interrupted."""
    from segbench.cli.training_session import watched
    from segbench.search.retrain import retrain

    job = Job(
        model=found.rival,
        dataset=found.dataset,
        data_root=str(data_root) if data_root else None,
        size=found.size,
        protocol=found.protocol,
        recipe=found.recipe if recipe is None else recipe,
        epochs=epochs,
        device=device,
    )
    runs = folder / RETRAINED / f"{job.recipe}-{job.effective_recipe.epochs}"
    return watched(
        lambda observer: retrain(found, job, runs, seeds=seeds, observer=observer),
        f"every whole epoch is in {runs}, the same command goes on",
    )
