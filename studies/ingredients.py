"""What does each ingredient of a recipe give by itself, at the same number of epochs?

Question: which of the ingredients that `segbench.training.recipes` offers belong into `modern`?
Source: SegFast on CamVid's validation split; `paper` alone is the baseline. Best mIoU of a run.
Cost: a run of 30 epochs takes SegFast some seven minutes on 2 cores; runs that are there are kept.
Result: `fast` and `zoom` gain; `modern` is made of them and of `cosine`. The table is below.

    python -m studies.ingredients --data-root FOLDER --out runs/ingredients
    python -m studies.ingredients --data-root FOLDER --out runs/ingredients paper+flip paper+zoom

Each by itself on top of `paper`, `--model segfast,init=he --epochs 30`, seed 0, 224x224, on 2 cores
of an AMD EPYC (torch 2.13.0, from 2026-11-24 on). "Last 8" is the mean over the last eight epochs,
which depends less on chance than the best. Seven minutes each where nothing else ran meanwhile; the
line of `paper` is the first 30 epochs of a run of 62.

| recipe | seeds | best mIoU | over paper | last 8 | pixel accuracy | best epoch |
| :-- | --: | --: | --: | --: | --: | --: |
| paper | 1 | 0.5027 | +0.0000 | 0.4864 | 87.04 % | 29 |
| paper+cosine | 1 | 0.4788 | -0.0239 | 0.4772 | 87.11 % | 29 |
| paper+flip | 1 | 0.4807 | -0.0220 | 0.4693 | 87.08 % | 26 |
| paper+zoom | 1 | 0.5138 | +0.0111 | 0.4876 | 88.26 % | 28 |
| paper+balance | 1 | 0.4963 | -0.0064 | 0.4803 | 83.62 % | 28 |
| paper+average | 1 | 0.5022 | -0.0005 | 0.4969 | 87.58 % | 28 |
| paper+fast | 1 | 0.5195 | +0.0168 | 0.5010 | 88.34 % | 27 |
| paper+light | 1 | 0.5043 | +0.0016 | 0.4866 | 87.06 % | 24 |
| paper+decay | 1 | 0.4990 | -0.0037 | 0.4787 | 87.31 % | 24 |

`paper` itself gives 0.5027, 0.4860 and 0.4944 within 30 epochs by its three seeds, so a difference
below 0.02 may be chance. What `fast` gains here torch's draw of the weights has without it: 0.523,
0.532 and 0.520 within 30 epochs of `paper`. Thirty epochs favour what learns fast: by `flip` and
`zoom` both losses still fell at the end, and `cosine` spends half of them at a falling rate. That
`cosine` belongs to `modern` rests on the course of `modern+he` over 100 epochs: at epoch 30 its
rate is still 2.5e-3, and by then its best mIoU was 0.548, where `zoom` at a third of the rate had
0.514.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from segbench.cli.output import progress_bar
from segbench.cli.training_session import TrainingProgress
from segbench.training.allocator import use_steady_allocator
from segbench.training.config import Job
from segbench.training.history import best_of
from segbench.training.recipes import DISTILL, INGREDIENTS
from segbench.training.repeated import train_several
from segbench.training.summary import read_history

LAST = 8  # epochs whose mean depends less on chance than the best epoch does
WITHOUT_TEACHERS = [name for name in INGREDIENTS if name != DISTILL]
RECIPES = ["paper", *(f"paper+{name}" for name in WITHOUT_TEACHERS)]


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
            train_several(jobs, TrainingProgress(bar))
    print(report(folders, given.epochs))  # noqa: T201


if __name__ == "__main__":
    use_steady_allocator("-m", "studies.ingredients", *sys.argv[1:])
    main()
