"""How long does each sampler think about the next network, late in a search?

Question: the time of a proposal after 200 trials of `spark`, half of them trained to the end and
half stopped at the first rung.
Source: made-up trials, drawn at random; a proposal takes as long whatever their figures are. Ratios
and mIoU rise with the work of a network, so that there is a front.
Cost: under a minute, most of it Optuna's Gaussian process.
Result: docs/search.md.

    OPENBLAS_NUM_THREADS=1 python -m studies.proposal_time
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Sequence
from functools import partial

from segbench.search.engine import reference_for
from segbench.search.front_sampler import FrontProposer
from segbench.search.latency_model import LatencyModel
from segbench.search.layers import Layer
from segbench.search.proposing import OPTUNA, OptunaProposer, Proposer
from segbench.search.seen import Seen
from segbench.search.space import Values
from studies.spark import STUDY

LAYERS = partial(STUDY.layers, size=(224, 224), classes=12)
LEARN_FROM = 32  # networks, as many as a search times for its predictor


def work(values: Values) -> float:
    """Return what stands for a ratio to SegFast: the multiply-accumulates, and the traffic."""

    def total(layers: Sequence[Layer]) -> float:
        return sum(layer.macs + 20 * layer.values for layer in layers)

    return total(LAYERS(values)) / total(LAYERS(STUDY.first[0]))


def make_trials(count: int) -> list[Seen]:
    """Return trials, every other of them stopped."""
    rng = random.Random(0)  # noqa: S311 - no secret
    found = []
    for number in range(count):
        values = STUDY.draw(rng)
        ratio = work(values)
        miou = 0.3 + 0.2 * min(1.0, ratio) + rng.gauss(0, 0.02)
        rungs = {1: miou / 2, 3: 0.8 * miou, 9: miou}
        if number % 2:
            found.append(Seen(number, values, "stopped", ratio, {1: rungs[1]}))
        else:
            found.append(Seen(number, values, "trained", ratio, rungs))
    return found


def proposers(trials: list[Seen]) -> dict[str, Proposer]:
    """Return the samplers that think, by name."""
    known = [(trial.values, float(trial.latency_s or 0)) for trial in trials[:LEARN_FROM]]
    model = LatencyModel.fit(LAYERS, known)
    optunas = {name: OptunaProposer(STUDY, sampler) for name, sampler in OPTUNA.items()}
    return {"front": FrontProposer(STUDY, model, reference_for(1.0)), **optunas}


def main() -> None:
    """Print the median for each sampler."""
    import optuna  # noqa: PLC0415 - it takes a second

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--proposals", type=int, default=9)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials = make_trials(given.trials)
    for name, proposer in proposers(trials).items():
        taken = []
        for seed in range(given.proposals):
            began = time.perf_counter()
            proposer.propose(trials, seed)
            taken.append(time.perf_counter() - began)
        print(f"{name}: {1e3 * statistics.median(taken):.0f} ms")  # noqa: T201


if __name__ == "__main__":
    main()
