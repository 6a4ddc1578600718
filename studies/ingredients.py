"""What does each ingredient of a recipe give by itself, at the same number of epochs?

Question: which of the ingredients that `segbench.training.recipes` offers belong into `modern`?
Source: SegFast on CamVid's validation split; `paper` alone is the rival. Best mIoU of a run.
Cost: a run of 30 epochs takes SegFast some seven minutes on 2 cores; runs that are there are kept.
Result: docs/training.md, of `--model segfast,init=he`.

    python -m studies.ingredients --data-root FOLDER --out runs/ingredients
    python -m studies.ingredients --data-root FOLDER --out runs/ingredients paper+flip paper+zoom
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from segbench.cli.output import progress_bar
from segbench.cli.training import Shown
from segbench.training.allocator import hold_allocator
from segbench.training.history import best_of
from segbench.training.job import Job
from segbench.training.listing import read_history
from segbench.training.recipes import INGREDIENTS
from segbench.training.several import train_several

LAST = 8  # epochs whose mean depends less on chance than the best epoch does
RECIPES = ["paper", *(f"paper+{name}" for name in INGREDIENTS)]


def report(folders: dict[str, list[Path]], epochs: int) -> str:
    """Return a table of what the recipes gave within so many epochs, the mean over the seeds.

    A longer run of a recipe without a schedule is cut, for it began as a shorter one would have.
    """
    lines = ["| recipe | seeds | best mIoU | over paper | last 8 | pixel accuracy | best epoch |"]
    lines += ["| :-- | --: | --: | --: | --: | --: | --: |"]
    plain: float | None = None
    for recipe, runs in folders.items():
        histories = [read_history(run / "history.csv")[:epochs] for run in runs]
        best = [found for history in histories if (found := best_of(history))]
        if not best:
            continue
        miou = statistics.mean(epoch.miou for epoch in best)
        plain = miou if plain is None else plain
        last = statistics.mean(epoch.miou for history in histories for epoch in history[-LAST:])
        accuracy = 100 * statistics.mean(epoch.pixel_accuracy for epoch in best)
        epochs_of_best = ", ".join(str(epoch.epoch) for epoch in best)
        lines.append(
            f"| {recipe} | {len(best)} | {miou:.4f} | {miou - plain:+.4f} | {last:.4f} "
            f"| {accuracy:.2f} % "
            f"| {epochs_of_best} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Train by every recipe, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--model", default="segfast")
    parser.add_argument("--data-root")
    parser.add_argument("--out", type=Path, default=Path("runs/ingredients"))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--report", action="store_true", help="train nothing")
    given = parser.parse_args()
    folders: dict[str, list[Path]] = {}
    jobs: dict[Path, Job] = {}
    for recipe in given.recipes:
        for seed in range(given.seeds):
            job = Job(
                model=given.model,
                dataset="camvid",
                data_root=given.data_root,
                protocol="void-as-class",
                recipe=recipe,
                epochs=given.epochs,
                seed=seed,
            )
            folder = given.out / f"{recipe}-{seed}"
            folders.setdefault(recipe, []).append(folder)
            jobs[folder] = job
    if not given.report:
        with progress_bar() as bar:
            train_several(jobs, Shown(bar))
    print(report(folders, given.epochs))  # noqa: T201


if __name__ == "__main__":
    hold_allocator("-m", "studies.ingredients", *sys.argv[1:])
    main()
