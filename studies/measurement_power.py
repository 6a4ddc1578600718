"""Does the gate hold what it promises: no false alarms, and slow-downs of 5 and 10 % caught?

Question: targets T1 to T5 of the measurement method, with real runs of the real commands' code.
Source: the gate is `segbench check`; its statistics are in segbench/statistics.py and judging.py.
Cost: a run takes up to a minute; all 190 take about two hours on 2 cores. What is finished is kept
in a folder, and the next call goes on from there.
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
import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segbench.checking import check
from segbench.comparison import paired_ratios
from segbench.contests import Wanted
from segbench.limits import Limit
from segbench.results import Profile
from segbench.settings import Settings, read_spec
from segbench.store import write_text
from studies import load

LIMIT = "latency.forward.p50_s <= 1 * segfast + 2 %"
ANY = "latency.forward.p50_s <= 1000 * segfast"  # decided at once; what counts is the ratio
MINUTE_S = 60.0


@dataclass(frozen=True)
class Part:
    """One kind of run.

    Attributes:
        model: what is held against SegFast.
        load: cores that are loaded meanwhile, and the share of each.
    """

    model: str
    runs: int
    limit: str = LIMIT
    max_time_s: float = MINUTE_S
    load: tuple[int, float] = (0, 0.0)


# Nine extra convolutions take about 5 % of the time of SegFast, and eighteen 10 %; the report says
# how much it was.
PARTS = {
    "same": Part("zoo.segfast:segfast", 60),
    "slower-5": Part("studies.slowed:segfast,extra=9", 20),
    "slower-10": Part("studies.slowed:segfast,extra=18", 20),
    "ratio": Part("segfast-basic", 10, ANY),
    "ratio-loaded": Part("segfast-basic", 10, ANY, load=(1, 0.5)),
    "loaded": Part("zoo.segfast:segfast", 20, max_time_s=40.0, load=(2, 1.0)),
}


@dataclass(frozen=True)
class Outcome:
    """What one run gave.

    Attributes:
        ratios: of paired blocks, by round.
    """

    verdict: str | None
    ratio: float | None
    interval: tuple[float, float] | None
    looks: int
    rounds: int
    elapsed_s: float
    noisy: bool
    reasons: tuple[str, ...]
    ratios: tuple[tuple[float, ...], ...]
    created: str
    machine: str


def run(part: Part, *, seed: int) -> Outcome:
    """Judge the part's limit once."""
    wanted = Wanted(read_spec(part.model), Limit.parse(part.limit))
    with _loaded(part):
        found = check([(Settings(seed=seed), [wanted])], max_time_s=part.max_time_s)
    [judgement] = found.judgements
    candidate, baseline = found.profiles
    ratios = paired_ratios(candidate.latency.forward, baseline.latency.forward)
    return Outcome(
        verdict=judgement.verdict,
        ratio=judgement.value,
        interval=judgement.interval,
        looks=judgement.looks,
        rounds=len(ratios),
        elapsed_s=found.elapsed_s or 0.0,
        noisy=found.noise is not None and found.noise.noisy,
        reasons=found.noise.reasons if found.noise else (),
        ratios=tuple(map(tuple, ratios)),
        created=found.created,
        machine=_describe(candidate),
    )


@contextlib.contextmanager
def _loaded(part: Part) -> Iterator[None]:
    cores, share = part.load
    processes = load.start(cores=cores, share=share) if cores else []
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _describe(profile: Profile) -> str:
    seen = profile.environment
    threads = profile.workload.threads.requested
    return (
        f"{seen.cpu_model}, {seen.effective_cpus} effective CPUs, {threads} threads, "
        f"{seen.os}, torch {seen.torch}"
    )


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


def read_all(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the outcomes of one part, in the order of their numbers."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"{name}-[0-9]*.json"))]


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
        from studies.power_report import write_report  # noqa: PLC0415 - runs do not wait for it

        write_report(given.folder, given.output)


if __name__ == "__main__":
    main()
