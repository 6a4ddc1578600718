"""The runs of `studies.measurement_power`: which there are, how one is made, where it is kept."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.budgets.check import check
from segbench.budgets.limits import Limit
from segbench.budgets.pairs import ModelLimit
from segbench.measurement.profile import compare
from segbench.measurement.settings import Settings, read_spec
from segbench.results.profile import Profile
from segbench.results.samples import paired_ratios
from studies import load

METRIC = "latency.forward.p50_s"
# Sharper than the gate's own default: more false alarms, fewer slow-downs that are missed.
LIMIT = f"{METRIC} <= 1 * segfast + 1 %"
MINUTE_S = 60.0


@dataclass(frozen=True)
class Part:
    """One kind of run.

    Attributes:
        model: what is held against SegFast.
        judged: whether LIMIT is checked, or the two are compared as `segbench compare` does.
        load: cores that are loaded meanwhile, and the share of each.
    """

    model: str
    runs: int
    judged: bool = True
    max_time_s: float = MINUTE_S
    load: tuple[int, float] = (0, 0.0)


# Seven extra convolutions take about 5 % of the time of SegFast, and fifteen 10 %; the report says
# how much it was.
PARTS = {
    "same": Part("zoo.segfast:segfast", 60, max_time_s=40.0),
    "slower-5": Part("studies.slowed:segfast,extra=7", 20),
    "slower-10": Part("studies.slowed:segfast,extra=15", 20),
    "ratio": Part("segfast-basic", 10, judged=False),
    "ratio-loaded": Part("segfast-basic", 10, judged=False, load=(1, 0.5)),
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
    """Judge the part's limit once, or compare."""
    with _loaded(part):
        return _judge(part, seed) if part.judged else _compare(part, seed)


def _judge(part: Part, seed: int) -> Outcome:
    wanted = ModelLimit(read_spec(part.model), Limit.parse(LIMIT))
    found = check([(Settings.of(seed=seed), [wanted])], max_time_s=part.max_time_s)
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


def _compare(part: Part, seed: int) -> Outcome:
    began_s = time.monotonic()
    found = compare([part.model, "segfast"], training=False, seed=seed)
    [ratio] = [each for each in found.ratios if each.metric == METRIC]
    candidate, baseline = found.profiles
    ratios = paired_ratios(candidate.latency.forward, baseline.latency.forward)
    reasons = (*candidate.noise.reasons, *baseline.noise.reasons)
    return Outcome(
        verdict=None,
        ratio=ratio.ratio,
        interval=ratio.ci95,
        looks=0,
        rounds=len(ratios),
        elapsed_s=time.monotonic() - began_s,
        noisy=bool(reasons),
        reasons=reasons,
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


def read_all(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the outcomes of one part, in the order of their numbers."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"{name}-[0-9]*.json"))]
