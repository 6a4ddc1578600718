"""Write how accurate trained networks are, as data that comes with segbench.

Question: none; this is how segbench/results/accuracy.json is made, from the folders of runs that
are finished. Figures of other runs that are in the file stay; those of the same runs are replaced.
Cost: the inference of validation and test split for each run, about a minute on 2 cores for CamVid.
Result: what `segbench models` shows beside its networks, and the table that this prints.

    segbench train --queue queue.toml --out RUNS --data-root FOLDER
    python -m studies.accuracy RUNS --data-root FOLDER
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from segbench.cli.output import progress_bar
from segbench.data.registry import open_dataset
from segbench.errors import SegbenchError, UsageError
from segbench.files import write_text
from segbench.progress import Progress, ignore_progress
from segbench.results.accuracy import DATA, Accuracy, read_accuracies, to_text, with_new
from segbench.results.profile import Model
from segbench.training.config import without_heads
from segbench.training.evaluate import evaluate
from segbench.training.history import best_of, is_finished
from segbench.training.run_folder import RunFolder
from segbench.training.summary import find_runs, read_history, read_speeds
from zoo.errors import ZooError

SPLITS = ("val", "test")
HEADINGS = (
    *("network", "size", "recipe", "tuned on", "pretrained", "epochs", "seed", "hours", "split"),
    *("chosen by", "mIoU", "strict", "pixel accuracy"),
)


def figures_of(
    path: Path,
    *,
    data_root: Path | None = None,
    runtime: str = "eager",
    cache: Path | None = None,
    progress: Progress = ignore_progress,
) -> Iterator[Accuracy]:
    """Yield the figures of a finished run, on validation and on the test split if there is one.

    Raises:
        UsageError: it is not finished, or it or its dataset cannot be read.
    """
    about = RunFolder(path).read()
    job, recipe = about.job, about.job.effective_recipe
    history = read_history(path / "history.csv")
    best = best_of(history)
    if best is None or not is_finished(history, recipe):
        raise UsageError(f"the run in {str(path)!r} is at epoch {len(history)} of {recipe.epochs}")
    root = data_root or (Path(job.data_root) if job.data_root else None)
    dataset = open_dataset(job.dataset, root)
    speeds = read_speeds(path / "speed.csv")
    for split in SPLITS:
        if not dataset.splits.get(split):
            continue
        found = evaluate(
            f"{path}@{runtime}", split=split, data_root=root, cache=cache, progress=progress
        )
        if found.candidate is None:  # of results of before there were any
            raise UsageError(f"the run in {str(path)!r} was evaluated in no runtime")
        yield Accuracy(
            network=Model(**without_heads(job.spec).to_json()).label,
            dataset=dataset.name,
            classes=found.classes,
            size=job.size,
            recipe=job.recipe,
            tuned_on=recipe.tuned_on,
            rate=recipe.rate,
            batch=recipe.batch,
            seed=job.seed,
            pretrained=None,  # segbench trains none that was
            auxiliary=about.auxiliary_params is not None,
            chosen_by=job.protocol,
            epochs=len(history),
            best_epoch=best.epoch,
            hours=sum(each.train_s + each.validation_s for each in speeds) / 3600,
            machine=about.machine,
            split=split,
            runtime=found.candidate.runtime.name,
            precision=found.candidate.runtime.precision,
            date=found.created[:10],
            qualities=found.qualities,
        )


def table(rows: Sequence[Accuracy]) -> str:
    """Return the figures as a table."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "| :-- " * len(HEADINGS) + "|"]
    for row in rows:
        quality, strict = row.qualities[row.chosen_by], row.qualities["strict"]
        height, width = row.size
        cells = (
            *(row.network, f"{height}x{width}", row.recipe, row.tuned_on, row.pretrained or "no"),
            *(str(row.epochs), str(row.seed), f"{row.hours:.2f}", row.split, row.chosen_by),
            *(_share(quality.miou), _share(strict.miou), _share(quality.pixel_accuracy)),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def main() -> int:
    """Evaluate the runs, write the file and print the table; return 1 if a run was left out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="look for runs below these")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--runtime", default="eager", help="such as openvino:bf16")
    parser.add_argument("--output", type=Path, default=DATA)
    given = parser.parse_args()
    rows: list[Accuracy] = []
    left_out = 0
    with progress_bar() as bar:
        for run in (run for folder in given.folders for run in find_runs(folder)):
            try:
                rows += figures_of(
                    run.path, data_root=given.data_root, runtime=given.runtime, progress=bar
                )
            except (SegbenchError, ZooError) as error:
                print(f"left out: {error}", file=sys.stderr)  # noqa: T201
                left_out += 1
    if rows:
        before = read_accuracies(given.output) if given.output.exists() else ()
        write_text(given.output, to_text(with_new(before, rows)), force=True)
    print(table(rows))  # noqa: T201
    return int(left_out > 0)


if __name__ == "__main__":
    sys.exit(main())
