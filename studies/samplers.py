"""Which sampler finds the front at the least cost, and is anything of the front stopped by rungs?

Question: median hypervolume over 20 seeds at equal training epochs, of `front` against random
choice, TPE, TPE multivariate and NSGA-II; and how many epochs `front` needs for the best rival's
final value.
Source: the table of `studies.replay_table`. A proposal stands for the nearest network of the table
that was not tried, for every sampler alike; what it then "measures" and "trains" is read there.
Cost: twenty searches by each of five samplers; not known yet.
Result: none yet, for it has not been run.

    python -m studies.samplers
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from segbench.search.engine import Effort, Search, reference_for
from segbench.search.front_sampler import FrontProposer
from segbench.search.latency_model import LatencyModel
from segbench.search.ledger import Ended, Ledger
from segbench.search.pareto import Point, front, hypervolume
from segbench.search.proposing import OPTUNA, OptunaProposer, Proposal, Proposer, RandomProposer
from segbench.search.seen import Seen
from segbench.search.space import Values
from segbench.search.timing import Timed
from studies.replay_table import CLASSES, EPOCHS, SIZE, Row, read_table
from studies.spark import STUDY

RIVALS = ("random", "tpe", "tpe-multivariate", "nsga2")
ANCHOR_S = 1.0  # latencies are ratios to SegFast
LEARN_FROM = 32  # networks whose latencies the predictor of `front` has seen


@dataclass
class Table:
    """Networks that were measured and trained once, for all searches."""

    rows: list[Row]
    places: np.ndarray = field(init=False)
    positions: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.places = np.array([STUDY.place(row.values) for row in self.rows])
        self.positions = {str(STUDY.build(row.values)): at for at, row in enumerate(self.rows)}

    def row(self, values: Values) -> Row:
        """Return the row of a network that is in the table."""
        return self.rows[self.positions[str(STUDY.build(values))]]

    def nearest(self, values: Values, tried: set[int]) -> Row:
        """Return the nearest network that was not tried."""
        distances = ((self.places - np.array(STUDY.place(values))) ** 2).sum(axis=1)
        distances[list(tried)] = np.inf
        return self.rows[int(np.argmin(distances))]

    def time(self, values: Values) -> Timed:
        """Read the latency."""
        return Timed(self.row(values).ratio, None, ANCHOR_S, 0)

    def train(self, _number: int, values: Values, *, until: int) -> float:
        """Read the mIoU."""
        return self.row(values).best[until - 1]

    @property
    def points(self) -> list[Point]:
        """Latency and mIoU of all, trained to the end."""
        return [(row.ratio * ANCHOR_S, row.best[-1]) for row in self.rows]


@dataclass
class Snapped:
    """A sampler whose proposals are of the table; it says how long they took."""

    table: Table
    inner: Proposer
    seconds: list[float] = field(default_factory=list)

    def propose(self, seen: Sequence[Seen], seed: int) -> Proposal:
        """Propose the nearest network of the table that was not tried."""
        began = time.perf_counter()
        wanted = self.inner.propose(seen, seed)
        self.seconds.append(time.perf_counter() - began)
        tried = {self.table.positions[str(STUDY.build(each.values))] for each in seen}
        return Proposal(self.table.nearest(wanted.values, tried).values, wanted.about)


def proposer_of(name: str, table: Table) -> Proposer:
    """Return a sampler by its name."""
    if name == "random":
        return RandomProposer(STUDY)
    if name in OPTUNA:
        return OptunaProposer(STUDY, OPTUNA[name])
    layers = partial(STUDY.layers, size=(224, 224), classes=12)
    known = [(row.values, row.ratio) for row in table.rows[-LEARN_FROM:]]
    model = LatencyModel.fit(layers, known)
    return FrontProposer(STUDY, model, reference_for(ANCHOR_S))


@dataclass(frozen=True)
class Course:
    """One search: epochs spent and hypervolume after each trial."""

    epochs: tuple[int, ...]
    areas: tuple[float, ...]
    ended: tuple[Ended, ...]

    def area_at(self, epochs: int) -> float:
        """Return the hypervolume when so many epochs were spent."""
        behind = [
            area for spent, area in zip(self.epochs, self.areas, strict=True) if spent <= epochs
        ]
        return behind[-1] if behind else 0.0

    def epochs_to(self, area: float) -> float:
        """Return the epochs that were spent when an area was reached."""
        found = [spent for spent, mine in zip(self.epochs, self.areas, strict=True) if mine >= area]
        return found[0] if found else float("inf")


def search(table: Table, sampler: Proposer, *, seed: int, budget: int, stops: bool) -> Course:
    """Search until so many epochs were spent."""
    effort = Effort(trials=len(table.rows), epochs=EPOCHS, seed=seed, stops=stops)
    ledger = Ledger(None, f"replay-{seed}", STUDY, {})
    run = Search(STUDY, effort, ledger, table, sampler, anchor_s=ANCHOR_S)
    spent, epochs, areas, ended = 0, [], [], []
    points: list[Point] = []
    for trial in run.run():
        spent += max(trial.seen.rungs, default=0)
        if trial.seen.point is not None:
            points.append(trial.seen.point)
        epochs.append(spent)
        areas.append(hypervolume(points, reference_for(ANCHOR_S)))
        ended.append(trial)
        if spent >= budget:
            break
    return Course(tuple(epochs), tuple(areas), tuple(ended))


def compare(table: Table, *, seeds: int, budget: int) -> str:
    """Return the comparison as lines of Markdown."""
    courses: dict[str, list[Course]] = {}
    seconds: dict[str, float] = {}
    for name in ("front", *RIVALS):
        snapped = Snapped(table, proposer_of(name, table))
        courses[name] = [
            search(table, snapped, seed=seed, budget=budget, stops=True) for seed in range(seeds)
        ]
        seconds[name] = statistics.median(snapped.seconds)
    finals = {
        name: statistics.median(course.area_at(budget) for course in mine)
        for name, mine in courses.items()
    }
    rival = max(RIVALS, key=finals.__getitem__)
    best = hypervolume(table.points, reference_for(ANCHOR_S))
    lines = ["| sampler | hypervolume, of the table's | epochs to the best rival's | a proposal |"]
    lines += ["| :-- | --: | --: | --: |"]
    for name, mine in courses.items():
        reached = statistics.median(course.epochs_to(finals[rival]) for course in mine)
        shown = "never" if reached == float("inf") else f"{reached:.0f}"
        lines.append(
            f"| {name} | {100 * finals[name] / best:.2f} % | {shown} of {budget} "
            f"| {1e3 * seconds[name]:.0f} ms |"
        )
    return "\n".join(lines)


def judge_rungs(table: Table) -> str:
    """Return what stopping costs and saves, where every network of the table is tried."""
    course = search(table, Snapped(table, RandomProposer(STUDY)), seed=0, budget=10**9, stops=True)
    true_front = {table.points[at] for at in front(table.points)}
    stopped = 0
    for trial in course.ended:
        row = table.row(trial.seen.values)
        if trial.seen.state == "stopped" and (row.ratio * ANCHOR_S, row.best[-1]) in true_front:
            stopped += 1
    everything = EPOCHS * len(table.rows)
    return (
        f"{stopped} of {len(true_front)} networks of the true front stopped; "
        f"{everything / course.epochs[-1]:.2f} times fewer epochs than {everything}"
    )


def main() -> None:
    """Compare samplers, and judge the rungs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=Path(__file__).parent / "replay.csv")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=180, help="epochs of each search")
    given = parser.parse_args()
    table = Table(read_table(given.table.read_text()))
    height, width = SIZE
    print(f"{len(table.rows)} networks, streets at {height}x{width}, {CLASSES} classes")  # noqa: T201
    print(compare(table, seeds=given.seeds, budget=given.budget))  # noqa: T201
    print(judge_rungs(table))  # noqa: T201


if __name__ == "__main__":
    main()
