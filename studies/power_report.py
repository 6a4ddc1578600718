"""The report of `studies.measurement_power`: targets beside what the runs gave."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segbench.budgets.judging import ERRORS, FIRST_LOOK, verdict_on
from segbench.files import write_text
from segbench.results.statistics import BATCHES, Floats, ratio_interval, ratio_of
from studies.power_runs import LIMIT, PARTS, read_all

BOUND = 1.01
RESAMPLES = 2000
COMMANDS = """    python -m studies.measurement_power run --folder power
    python -m studies.measurement_power report --folder power \\
        --output studies/measurement_power.md"""

HEADINGS = (
    "| part | runs | within | over | inconclusive | ratio, all runs | spread of a run | rounds "
    "| seconds | noisy |"
)


@dataclass(frozen=True)
class Row:
    """One target, and what was measured."""

    target: str
    asked: str
    measured: str
    met: bool | None


def write_report(folder: Path, output: Path) -> None:
    """Write the report of all runs in a folder, as Markdown."""
    runs = {name: read_all(folder, name) for name in PARTS}
    write_text(output, render(runs), force=True)


def render(runs: dict[str, list[dict[str, Any]]]) -> str:
    """Return the report.

    Args:
        runs: the outcomes by part; parts may be short of runs, or have none.
    """
    made = [run for part in runs.values() for run in part]
    if not made:
        return "# What the gate can tell\n\nNo runs were made.\n"
    rows = [*same(runs), *slower(runs), *repeats(runs), coverage(runs), *loaded(runs)]
    dates = sorted(run["created"] for run in made)
    lines = [
        "# What the gate can tell",
        "",
        f"Runs of {dates[0]} to {dates[-1]} on: {', '.join(sorted({r['machine'] for r in made}))}.",
        f"The limit was `{LIMIT}`, at most a minute a pair. Made and written with",
        "",
        COMMANDS,
        "",
        "How the gate measures, and where it falls short: [How it measures](../docs/method.md).",
        "",
        "| target | asked for | measured | met |",
        "| :-- | :-- | :-- | :-- |",
        *(f"| {row.target} | {row.asked} | {row.measured} | {_mark(row.met)} |" for row in rows),
        "",
        "## The runs",
        "",
        HEADINGS,
        "| :-- | --: | --: | --: | --: | --: | --: | --: | --: | --: |",
        *(_part_line(name, part) for name, part in runs.items() if part),
        "",
        "Ratio: the geometric mean over the runs, with its 95 % interval over them. Spread: the",
        "standard deviation of one run's ratio. Rounds and seconds: medians.",
    ]
    return "\n".join(lines) + "\n"


def same(runs: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """T1: false alarms, in real runs and in resampled ones."""
    made = runs["same"]
    alarms = _count(made, "over")
    share = resampled_alarms(made)
    strict = resampled_alarms(made, bound=1.0)
    return [
        Row("T1", "0 of 60 checks of one network against itself are over",
            f"{alarms} of {len(made)}", alarms == 0 if len(made) >= 60 else None),
        Row("T1", "at most 1 % over in 2,000 resamples of the recorded blocks",
            f"{100 * share:.2f} % (without any tolerance: {100 * strict:.2f} %)",
            share <= 0.01 if made else None),
    ]  # fmt: skip


def resampled_alarms(made: Sequence[dict[str, Any]], *, bound: float = BOUND) -> float:
    """Return the share of resampled runs of one network against itself that are over a bound.

    Each draws as many rounds as a run had, from those of all runs, and batches of the pairs of each
    round anew; it is looked at after three rounds, at half time and at the end, as a real run is.
    """
    if not made:
        return math.nan
    rng = np.random.default_rng(0)
    last = int(statistics.median(len(run["ratios"]) for run in made))
    looks = (FIRST_LOOK, max(FIRST_LOOK + 1, last // 2), max(FIRST_LOOK + 2, last))
    pool = [np.array_split(row, BATCHES) for run in made for row in run["ratios"]]
    alarms = 0
    for _ in range(RESAMPLES):
        rounds = [_drawn(rng, pool) for _ in range(looks[-1])]
        for count, error in zip(looks, ERRORS, strict=True):
            verdict = verdict_on(ratio_interval(rounds[:count], confidence=1 - error), bound)
            if verdict != "inconclusive":
                alarms += verdict == "over"
                break
    return alarms / RESAMPLES


def _drawn(rng: np.random.Generator, pool: Sequence[list[Floats]]) -> list[float]:
    """Return a round of batches drawn from one round's; in a batch neighbours stay neighbours."""
    batches = pool[int(rng.integers(len(pool)))]
    drawn = rng.integers(len(batches), size=len(batches))
    return [float(ratio) for number in drawn for ratio in batches[number]]


def slower(runs: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """T2: slow-downs that are caught, and how long that takes."""
    rows = []
    for name, percent, least in (("slower-10", 10, 19), ("slower-5", 5, 16)):
        made = runs[name]
        caught = _count(made, "over")
        real, _ = _pooled(made)
        longest = max((run["elapsed_s"] for run in made), default=0.0)
        slowed = f"it was {100 * (real - 1):.1f} %; longest {longest:.0f} s"
        rows.append(
            Row("T2", f"a slow-down of {percent} % caught in {least} of 20 runs, within 60 s",
                f"{caught} of {len(made)}; {slowed}",
                caught >= least if len(made) >= 20 else None)
        )  # fmt: skip
    return rows


def repeats(runs: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """T3: how well the ratio of two networks repeats."""
    rows = []
    for name, asked, most in (
        ("ratio", "the ratio of two networks repeats within 2 % (CV, 10 runs)", 0.02),
        ("ratio-loaded", "within 3 % beside a load of half a core", 0.03),
    ):
        made = runs[name]
        spread = _spread(made)
        rows.append(
            Row("T3", asked, f"{100 * spread:.2f} % in {len(made)} runs",
                spread <= most if len(made) >= 10 else None)
        )  # fmt: skip
    return rows


def coverage(runs: dict[str, list[dict[str, Any]]]) -> Row:
    """T4: how often a run's 95 % interval holds the ratio of all runs together."""
    held = total = 0
    for name in ("same", "ratio"):
        grand, _ = _pooled(runs[name])
        for run in runs[name]:
            interval = ratio_interval(run["ratios"])
            held += interval is not None and interval[0] <= grand <= interval[1]
            total += 1
    enough = held >= 0.9 * total if total >= 40 else None
    return Row("T4", "the 95 % interval holds the grand ratio in 36 of 40 runs",
               f"{held} of {total}", enough)  # fmt: skip


def loaded(runs: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """T5: what is said on a machine that has other work, and on a quiet one."""
    made, quiet = runs["loaded"], runs["same"]
    alarms, flagged = _count(made, "over"), sum(run["noisy"] for run in made)
    wrongly = sum(run["noisy"] for run in quiet)
    return [
        Row("T5", "both cores loaded: 0 of 20 over", f"{alarms} of {len(made)}",
            alarms == 0 if len(made) >= 20 else None),
        Row("T5", "and 19 of 20 called noisy", f"{flagged} of {len(made)}",
            flagged >= 19 if len(made) >= 20 else None),
        Row("T5", "at most 1 of 20 quiet runs called noisy", f"{wrongly} of {len(quiet)}",
            wrongly <= len(quiet) / 20 if len(quiet) >= 20 else None),
    ]  # fmt: skip


def _part_line(name: str, made: Sequence[dict[str, Any]]) -> str:
    ratio, half = _pooled(made)
    cells = (
        name,
        len(made),
        _count(made, "within"),
        _count(made, "over"),
        _count(made, "inconclusive"),
        f"{ratio:.4f} ± {half:.4f}",
        f"{100 * _spread(made):.2f} %",
        f"{statistics.median(run['rounds'] for run in made):g}",
        f"{statistics.median(run['elapsed_s'] for run in made):.0f}",
        sum(run["noisy"] for run in made),
    )
    return f"| {' | '.join(map(str, cells))} |"


def _count(made: Sequence[dict[str, Any]], verdict: str) -> int:
    return sum(run["verdict"] == verdict for run in made)


def _logs(made: Sequence[dict[str, Any]]) -> list[float]:
    return [math.log(ratio_of(run["ratios"])) for run in made]


def _pooled(made: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Return the geometric mean of the runs' ratios, and half its 95 % interval."""
    if len(made) < 2:
        return math.nan, math.nan
    logs = _logs(made)
    mean = math.exp(statistics.mean(logs))
    return mean, mean * 1.96 * statistics.stdev(logs) / math.sqrt(len(logs))


def _spread(made: Sequence[dict[str, Any]]) -> float:
    return statistics.stdev(_logs(made)) if len(made) > 1 else math.nan


def _mark(met: bool | None) -> str:  # noqa: FBT001 - it draws the value itself
    return "too few runs" if met is None else ("yes" if met else "**no**")
