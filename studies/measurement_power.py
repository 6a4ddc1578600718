"""Does the gate hold what it promises: no false alarms, and slow-downs of 5 and 10 % caught?

Question: targets T1 to T5 of the measurement method, with real runs of the real commands' code.
Source: the gate is `segbench check`; its statistics: segbench/statistics.py, budgets/judging.py.
Cost: a run takes up to a minute; all 140 take about an hour and a half on 2 cores. What is finished
is kept in a folder, and the next call goes on from there.
Result: docs/measurement_power.md.

    python -m studies.measurement_power run --folder power
    python -m studies.measurement_power report --folder power --output docs/measurement_power.md

The parts:

- same: SegFast against itself; a verdict of "over" is a false alarm (T1, T4, T5).
- slower-5, slower-10: SegFast with so much more convolution work, in per cent of its time (T2).
- ratio, ratio-loaded: SegFast-Basic over SegFast, alone and beside a load of half a core (T3).
- loaded: SegFast against itself while both cores are loaded (T5).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from segbench.store import write_text
from studies.power_report import write_report
from studies.power_runs import PARTS, run


def run_all(folder: Path, *, names: list[str], most: int | None) -> None:
    """Make the runs that are missing, one file each."""
    folder.mkdir(parents=True, exist_ok=True)
    made = 0
    for name in names:
        part = PARTS[name]
        for number in range(part.runs):
            path = folder / f"{name}-{number:03}.json"
            if path.exists():
                continue
            if made == most:
                return
            outcome = run(part, seed=number)
            write_text(path, json.dumps(asdict(outcome)) + "\n", force=False)
            made += 1
            print(  # noqa: T201 - its progress
                f"{path.stem}: {outcome.verdict}, {outcome.ratio:.4f} {outcome.interval}, "
                f"{outcome.rounds} rounds, {outcome.elapsed_s:.0f} s, noisy {outcome.noisy}",
                flush=True,
            )


def main() -> None:
    """Run, or report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="make the runs that are missing")
    running.add_argument("--part", choices=PARTS, action="append", help="only this part")
    running.add_argument("--runs", type=int, help="make no more than so many now")
    reporting = commands.add_parser("report", help="write the report from the runs")
    reporting.add_argument("--output", type=Path, required=True)
    for command in (running, reporting):
        command.add_argument("--folder", type=Path, required=True, help="where the runs are kept")
    given = parser.parse_args()
    if given.command == "run":
        run_all(given.folder, names=given.part or list(PARTS), most=given.runs)
    else:
        write_report(given.folder, given.output)


if __name__ == "__main__":
    main()
