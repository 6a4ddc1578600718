"""Which sampler finds the front at the least cost, and is anything of the front stopped by rungs?

Question: median hypervolume over 20 seeds at equal training epochs, of `front` against random
choice, TPE, TPE multivariate and NSGA-II; and how many epochs `front` needs for the final value of
the best other sampler.
Source: the table of `studies.replay_table`, in two ways. As it is: a proposal stands for the
nearest network of the table that was not tried, for every sampler alike. And by the law that the
table follows (`studies.replay_law`), in which every network of the space can be had.
Cost: six minutes on 2 cores of an AMD EPYC, at an hour when SegFast took 26 ms, for twenty searches
by each in both ways.
Result: `front` covers most in both ways. It needs 55 % of the best other sampler's 180 epochs by
the table and 40 % by the law. Rungs stop 3.5 % of the true front's networks, which cost less than
0.01 % of its hypervolume, and spare 2.58 times the epochs. Both were tuned by these seeds; with
twenty others (`--first-seed 100`) it is 50 % and 40 %, and 5.0 % at 2.72 times. Figures:
docs/search.md.

    OPENBLAS_NUM_THREADS=1 python -m studies.samplers

Hypervolume is in times SegFast's latency x mIoU, to 3 and 0, the median of twenty seeds; the whole
table has 1.4028. "Epochs" are those, in the median, after which a sampler is where the best of the
others ends, with `tpe-multivariate` by the table and with `tpe` by the law.

| sampler | by the table | quartiles | epochs | by the law | quartiles | epochs |
| :-- | --: | --: | --: | --: | --: | --: |
| front | 1.3965 | 1.3953-1.3991 | 99 | 1.4715 | 1.4664-1.4798 | 72 |
| tpe-multivariate | 1.3826 | 1.3799-1.3863 | 178 | 1.3779 | 1.3528-1.3974 | never |
| nsga2 | 1.3675 | 1.3628-1.3817 | never | 1.3412 | 1.3318-1.3503 | never |
| random | 1.3589 | 1.3516-1.3712 | never | 1.3440 | 1.3336-1.3522 | never |
| tpe | 1.3563 | 1.3537-1.3670 | never | 1.3815 | 1.3590-1.4095 | never |

By the table, what `front` looked for with care is exchanged for the nearest of 160 networks. By the
law it can be had, but there latencies are those of a predictor of the kind that `front` has, learnt
from all of the table instead of 32 networks. The law explains 84 % of the variance after nine
epochs with each network left out in turn (Kendall's tau 0.74). The first eight networks, which a
study fixes, are the same for all. With twenty other seeds `front` ends at 1.3979 by the table and
1.4766 by the law, the best of the others at 1.3809 and 1.3707 (`tpe-multivariate`).

In a space of 32,768 made-up networks that can be gone through whole, 384 children of the front
alone have 0.62 of the largest expected gain that there is, in the median of 84 proposals; the
evolution of `front` has over 0.99 of it in four of five.

Where all 160 are tried, in twenty orders, rungs spare 2.58 times the epochs, and of the 13 networks
of the true front they stop 3.5 %; in twenty other orders 2.72 times and 5.0 %. To four digits all
of its hypervolume is kept. The first rung is a single epoch here. Deciding at once whether a
network goes on, by its rank among those before it, spared 2.87 times the epochs in the same orders,
and stopped 13.8 %.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np

from segbench.results.pareto import Point, front, hypervolume
from segbench.search.engine import Effort, Evaluator, Search, reference_point
from segbench.search.front_sampler import FrontSampler
from segbench.search.latency_model import LatencyModel
from segbench.search.proposals import OPTUNA, OptunaSampler, Proposal, RandomSampler, Sampler
from segbench.search.rungs import rungs_of
from segbench.search.space import Study, Values
from segbench.search.trial import LatencyRatio, TrialRecord
from segbench.search.trial_store import TrialStore
from studies.replay_law import LAYERS, Law
from studies.replay_table import BEGUN_WITH, CLASSES, EPOCHS, SIZE, SPACE, Row, read_table

Way = Literal["table", "law"]

SAMPLERS = ("front", "random", "tpe", "tpe-multivariate", "nsga2")
WAYS: tuple[Way, ...] = ("table", "law")
REFERENCE_S = 1.0  # latencies are ratios to SegFast
LEARN_FROM = 32  # networks whose latencies the predictor of `front` has seen
REFERENCE = reference_point(REFERENCE_S)


@dataclass
class Table:
    """Networks that were measured and trained once, for all searches."""

    rows: list[Row]
    places: np.ndarray = field(init=False)
    positions: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.places = np.array([SPACE.place(row.values) for row in self.rows])
        self.positions = {str(SPACE.network(row.values)): at for at, row in enumerate(self.rows)}

    def row(self, values: Values) -> Row:
        """Return the row of a network that is in the table."""
        return self.rows[self.positions[str(SPACE.network(values))]]

    def nearest(self, values: Values, tried: set[int]) -> Row:
        """Return the nearest network that was not tried."""
        distances = ((self.places - np.array(SPACE.place(values))) ** 2).sum(axis=1)
        distances[list(tried)] = np.inf
        return self.rows[int(np.argmin(distances))]

    def time(self, values: Values) -> LatencyRatio:
        """Read the latency."""
        return LatencyRatio(self.row(values).ratio, None, REFERENCE_S, 0)

    def train(self, _number: int, values: Values, *, until: int) -> float:
        """Read the mIoU."""
        return self.row(values).best[until - 1]

    @property
    def study(self) -> Study:
        """The space, begun with what the table begins with: it has no others that were chosen."""
        return replace(SPACE, first=tuple(row.values for row in self.rows[:BEGUN_WITH]))

    @property
    def points(self) -> list[Point]:
        """Latency and mIoU of all, trained to the end."""
        return [(row.ratio * REFERENCE_S, row.best[-1]) for row in self.rows]


@dataclass(frozen=True)
class Snapped:
    """A sampler whose proposals are of the table."""

    table: Table
    inner: Sampler

    def propose(self, trials: Sequence[TrialRecord], seed: int) -> Proposal:
        """Propose the nearest network of the table that was not tried."""
        wanted = self.inner.propose(trials, seed)
        tried = {self.table.positions[str(SPACE.network(each.values))] for each in trials}
        return Proposal(self.table.nearest(wanted.values, tried).values, wanted.sampler_attrs)


def sampler_of(name: str, table: Table) -> Sampler:
    """Return a sampler by its name."""
    if name == "random":
        return RandomSampler(SPACE)
    if name in OPTUNA:
        return OptunaSampler(SPACE, OPTUNA[name])
    known = [(row.values, row.ratio) for row in table.rows[-LEARN_FROM:]]
    return FrontSampler(SPACE, LatencyModel.fit(LAYERS, known), REFERENCE)


@dataclass(frozen=True)
class Course:
    """One search: epochs spent and hypervolume after each rung, and all trials."""

    epochs: tuple[int, ...]
    areas: tuple[float, ...]
    trials: tuple[TrialRecord, ...]

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


def search(
    study: Study,
    evaluator: Evaluator,
    sampler: Sampler,
    *,
    seed: int,
    budget: int,
    trials: int,
    stops: bool = True,
) -> Course:
    """Search until so many epochs were spent, or so many trials are over."""
    effort = Effort(trials=trials, epochs=EPOCHS, seed=seed, stops=stops)
    store = TrialStore(None, f"replay-{seed}", study, {})
    run = Search(study, effort, store, evaluator, sampler, reference_s=REFERENCE_S)
    epochs, areas = [], []
    points: list[Point] = []
    for trial in run.run():
        if trial.point is not None:
            points.append(trial.point)
        epochs.append(trial.spent or 0)  # all are trained, to a rung at least
        areas.append(hypervolume(points, REFERENCE))
        if epochs[-1] >= budget:
            break
    return Course(tuple(epochs), tuple(areas), tuple(store.trials()))


@cache
def _worlds(path: Path) -> tuple[Table, Law]:
    """Return the table and its law, once in each process."""
    rows = read_table(path.read_text())
    return Table(rows), Law.fit(rows)


def search_by(path: Path, way: Way, name: str, seed: int, budget: int) -> Course:
    """Search the table, or by its law, with a sampler."""
    table, law = _worlds(path)
    sampler = sampler_of(name, table)
    if way == "table":
        snapped = Snapped(table, sampler)
        trials = len(table.rows)
        return search(table.study, table, snapped, seed=seed, budget=budget, trials=trials)
    return search(table.study, law, sampler, seed=seed, budget=budget, trials=budget)


def compare(courses: dict[str, list[Course]], *, budget: int) -> list[str]:
    """Return the comparison of some samplers as lines of Markdown."""
    finals = {name: [course.area_at(budget) for course in mine] for name, mine in courses.items()}
    others = [name for name in courses if name != "front"]
    best = max(others, key=lambda name: statistics.median(finals[name]))
    goal = statistics.median(finals[best])
    lines = [
        "| sampler | hypervolume, median | quartiles | trials | epochs to the best other |",
        "| :-- | --: | --: | --: | --: |",
    ]
    for name, mine in courses.items():
        low, middle, high = statistics.quantiles(finals[name])
        trials = statistics.median(len(course.trials) for course in mine)
        reached = statistics.median(course.epochs_to(goal) for course in mine)
        shown = "never" if reached == float("inf") else f"{reached:.0f}"
        lines.append(
            f"| {name} | {middle:.4f} | {low:.4f}-{high:.4f} | {trials:.0f} | {shown} of {budget} |"
        )
    return lines


def judge_rungs(table: Table, seeds: Sequence[int]) -> str:
    """Return what stopping costs and saves, where every network of the table is tried.

    Args:
        seeds: of the orders in which the networks are tried.
    """
    every = len(table.rows)
    everything = EPOCHS * every
    sampler = Snapped(table, RandomSampler(SPACE))
    true_front = {str(SPACE.network(table.rows[at].values)) for at in front(table.points)}
    lost, spent, areas = [], [], []
    for seed in seeds:
        course = search(table.study, table, sampler, seed=seed, budget=10**9, trials=every)
        stopped = {trial.model for trial in course.trials if trial.state == "stopped"}
        lost.append(len(true_front & stopped) / len(true_front))
        spent.append(course.epochs[-1])
        areas.append(course.areas[-1])
    whole = hypervolume(table.points, REFERENCE)
    return (
        f"rungs, over {len(seeds)} orders: of the {len(true_front)} networks of the true front "
        f"{100 * statistics.mean(lost):.1f} % are stopped, in the mean, and "
        f"{100 * statistics.mean(areas) / whole:.2f} % of its hypervolume is kept; "
        f"{everything / statistics.median(spent):.2f} times fewer epochs than {everything}"
    )


def describe(law: Law, rows: Sequence[Row]) -> list[str]:
    """Return how well the law foretells networks that it has not seen."""
    from scipy.stats import kendalltau

    lines = []
    for epochs in rungs_of(EPOCHS):
        seen = np.array([row.best[epochs - 1] for row in rows])
        ridge = law.miou[epochs]
        explained = 1 - ridge.spread**2 / seen.var()
        tau = kendalltau(ridge.foretold, seen).statistic
        lines.append(
            f"law of epoch {epochs}: off by {ridge.spread:.4f} of mIoU, {100 * explained:.0f} % of "
            f"the variance explained, Kendall's tau {tau:.2f}, each network left out in turn"
        )
    return lines


def main() -> None:
    """Compare samplers, and judge the rungs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=Path(__file__).parent / "replay.csv")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0, help="of the orders and the samplers")
    parser.add_argument("--budget", type=int, default=180, help="epochs of each search")
    given = parser.parse_args()
    table, law = _worlds(given.table)
    height, width = SIZE
    lines = [f"{len(table.rows)} networks, streets at {height}x{width}, {CLASSES} classes"]
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    lines += [judge_rungs(table, seeds), *describe(law, table.rows)]
    asked = list(product(WAYS, SAMPLERS, seeds))
    with ProcessPoolExecutor() as pool:
        futures = [pool.submit(search_by, given.table, *each, given.budget) for each in asked]
        found = dict(zip(asked, [future.result() for future in futures], strict=True))
    for way in WAYS:
        courses = {name: [found[way, name, seed] for seed in seeds] for name in SAMPLERS}
        lines += ["", f"by the {way}:", "", *compare(courses, budget=given.budget)]
    whole = hypervolume(table.points, REFERENCE)
    lines += ["", f"the whole table has a hypervolume of {whole:.4f}"]
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
