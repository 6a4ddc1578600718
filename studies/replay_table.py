"""Write a table of networks with their latencies and their mIoU after every epoch.

Question: none by itself; samplers and rungs are compared on it (`studies.samplers`) at no cost, and
on the same networks.
Source: SegFast, its copies and networks drawn from the space `spark`, trained on `streets` at a
small size by `paper`; studies/replay.csv with `init=he`, which networks of the zoo had by default.
Cost: 160 networks took 24 minutes to time, two rounds of fresh processes each, and 51 to train, on
2 cores of an AMD EPYC at an hour when SegFast took 40 ms instead of its 13; what is there is not
done again.
Result: studies/replay.csv. Five of the 160 take less than two thirds of SegFast's time and reach
its mIoU (0.497) or more; one of them at 0.53 times, with 0.505.

    python -m studies.replay_table --out runs/replay --table studies/replay.csv
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from segbench.files import write_text
from segbench.measurement.settings import Settings
from segbench.progress import ignore_progress
from segbench.search.screening import PER_ROUND, draw_networks, time_networks
from segbench.search.space import Choice, Study, Width
from segbench.search.spaces.spark import DECODER, STUDY
from segbench.training.config import Job
from studies.side_by_side import train_side_by_side

SIZE, EPOCHS, CLASSES = (48, 72), 9, 8
THIRD = "decoder_1"  # the finest stage of the decoder
BEGUN_WITH = 8  # rows of the kept table that `spark` began with when it was made; others are drawn


def with_three_stages(study: Study) -> Study:
    """Return `spark` as it was when the table was made: no network lacks a stage of its decoder."""
    third = Width(THIRD, 16, DECODER[-1])
    return replace(
        study,
        dimensions=tuple(third if each.name == THIRD else each for each in study.dimensions),
        first=tuple(values for values in study.first if values[THIRD]),
    )


SPACE = with_three_stages(STUDY)


@dataclass(frozen=True)
class Row:
    """A network: choices, latency relative to the reference model's, best mIoU after each epoch."""

    values: dict[str, Choice]
    ratio: float
    best: tuple[float, ...]


def networks(count: int) -> list[dict[str, Choice]]:
    """Return those the study begins with, and others that are drawn."""
    first = [dict(values) for values in SPACE.first]
    return [*first, *draw_networks(SPACE, count - len(first), seed=7)]


def measure(chosen: list[dict[str, Choice]], kept: Path) -> list[float]:
    """Return ratios to the reference model's latency, at the size at which networks run."""
    settings = Settings.of(classes=12)
    ratios: list[float] = json.loads(kept.read_text()) if kept.exists() else []
    while len(ratios) < len(chosen):
        done = len(ratios)
        _tell("timing", done, len(chosen))
        some = chosen[done : done + PER_ROUND]
        timed = time_networks(SPACE, some, settings, rounds=2, progress=ignore_progress)
        ratios += [ratio for _, ratio in timed]
        write_text(kept, json.dumps(ratios) + "\n", force=True)
    return ratios[: len(chosen)]


def train(chosen: list[dict[str, Choice]], folder: Path) -> list[list[float]]:
    """Return the best mIoU of each network after each epoch."""
    jobs = [
        Job(model=str(SPACE.network(values)), dataset="streets", size=SIZE, epochs=EPOCHS, seed=0)
        for values in chosen
    ]
    return train_side_by_side(jobs, folder)


def _tell(doing: str, done: int, count: int) -> None:
    print(f"{done + 1} of {count}: {doing}", file=sys.stderr, flush=True)  # noqa: T201


def write_table(rows: list[Row]) -> str:
    """Return the table as CSV: a column for each choice, the ratio, and one for each epoch."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [dimension.name for dimension in SPACE.dimensions]
    writer.writerow([*names, "ratio", *(f"miou_{epoch}" for epoch in range(1, EPOCHS + 1))])
    for row in rows:
        choices = [row.values[name] for name in names]
        writer.writerow([*choices, f"{row.ratio:.4f}", *(f"{miou:.4f}" for miou in row.best)])
    return text.getvalue()


def read_table(text: str) -> list[Row]:
    """Read it back."""
    rows = []
    for row in csv.DictReader(text.splitlines()):
        values: dict[str, Choice] = {
            each.name: int(row[each.name]) if isinstance(each, Width) else row[each.name]
            for each in SPACE.dimensions
        }
        best = tuple(float(row[f"miou_{epoch}"]) for epoch in range(1, EPOCHS + 1))
        rows.append(Row(values, float(row["ratio"]), best))
    return rows


def main() -> None:
    """Measure, train, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=160)
    parser.add_argument("--out", type=Path, default=Path("runs/replay"))
    parser.add_argument("--table", type=Path, default=Path("studies/replay.csv"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    chosen = networks(given.networks)
    ratios = measure(chosen, given.out / "ratios.json")
    curves = train(chosen, given.out)
    rows = [
        Row(values, ratio, tuple(best))
        for values, ratio, best in zip(chosen, ratios, curves, strict=True)
    ]
    write_text(given.table, write_table(rows), force=True)


if __name__ == "__main__":
    main()
