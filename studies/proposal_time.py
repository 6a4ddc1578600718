"""How long does each sampler think about the next network, late in a search?

Question: the time of a proposal after 200 trials of `spark`, half of them trained to the end and
half stopped at the first rung.
Source: made-up trials, drawn at random; a proposal takes as long whatever their figures are. Ratios
and mIoU rise with the work of a network, so that there is a front.
Cost: under a minute, most of it Optuna's Gaussian process.
Result: `front` takes 47 ms, `nsga2` 153, `tpe-multivariate` 238, `tpe` 224 and `gp` 6.3 s: the
median of nine, on 2 cores of an AMD EPYC at an hour when SegFast took 26 to 34 ms. `front` works
out what a layer costs once for all networks that have it; run in turns it takes 65 to 68 ms without
that, and 46 to 49 with it.

    OPENBLAS_NUM_THREADS=1 python -m studies.proposal_time
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Sequence
from functools import partial

from segbench.search.engine import reference_point
from segbench.search.front_sampler import FrontSampler
from segbench.search.latency_model import LatencyModel
from segbench.search.layer_costs import Layer
from segbench.search.proposals import OPTUNA, OptunaSampler, Sampler
from segbench.search.space import Values
from segbench.search.spaces.spark import STUDY
from segbench.search.trial import TrialRecord

LAYERS = partial(STUDY.operators, size=(224, 224), classes=12)
LEARN_FROM = 32  # networks, as many as a search times for its predictor


def work(values: Values) -> float:
    """Return what stands for a ratio to SegFast: the multiply-accumulates, and the traffic."""

    def total(layers: Sequence[Layer]) -> float:
        return sum(layer.macs + 20 * layer.values for layer in layers)

    return total(LAYERS(values)) / total(LAYERS(STUDY.first[0]))


def make_trials(count: int) -> list[TrialRecord]:
    """Return trials, every other of them stopped."""
    rng = random.Random(0)  # noqa: S311 - no secret
    found = []
    for number in range(count):
        values = STUDY.draw(rng)
        ratio, model = work(values), str(STUDY.network(values))
        miou = 0.3 + 0.2 * min(1.0, ratio) + rng.gauss(0, 0.02)
        rungs = {1: miou / 2, 3: 0.8 * miou, 9: miou}
        if number % 2:
            found.append(TrialRecord(number, values, model, "stopped", ratio, {1: rungs[1]}))
        else:
            found.append(TrialRecord(number, values, model, "trained", ratio, rungs))
    return found


def samplers(trials: list[TrialRecord]) -> dict[str, Sampler]:
    """Return the samplers that think, by name."""
    known = [(trial.values, float(trial.latency_s or 0)) for trial in trials[:LEARN_FROM]]
    model = LatencyModel.fit(LAYERS, known)
    optunas = {name: OptunaSampler(STUDY, make) for name, make in OPTUNA.items()}
    return {"front": FrontSampler(STUDY, model, reference_point(1.0)), **optunas}


def main() -> None:
    """Print the median for each sampler."""
    import optuna

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--proposals", type=int, default=9)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials = make_trials(given.trials)
    for name, sampler in samplers(trials).items():
        taken = []
        for seed in range(given.proposals):
            began = time.perf_counter()
            sampler.propose(trials, seed)
            taken.append(time.perf_counter() - began)
        print(f"{name}: {1e3 * statistics.median(taken):.0f} ms")  # noqa: T201


if __name__ == "__main__":
    main()
