"""How well is the latency of a network predicted that was never timed?

Question: the predictor of `segbench search` learns from 32 networks of the space `spark`; how far
is it off for 50 others, and does it rank them as they were measured?
Source: the figures are mean relative error and Spearman's rank correlation.
Cost: six minutes on 2 cores of an AMD EPYC, 68 s of them for the 32; nothing else may compute
meanwhile.
Result: on a processor with AVX-512, mean error 3.8 %, the largest 11.7 %, Spearman 0.984, for
networks of 0.30 to 1.05 times SegFast; 12.8 % of what is predicted goes to tensors whose channels
do not fill packs of sixteen (`segbench.search.layer_costs`). Without a cost of their own, from
other timings of the same hour, 5.7 % and 0.976, and with it 3.7 % and 0.988; learnt from 112
networks in 230 s, 4.9 % and 0.980, and 3.2 % and 0.991.
In the table of `studies.replay_table`, timed at an hour when such a machine took almost three times
as long, that cost gains nothing: 16 networks foretell 50 others to 5.3 % and 0.971, 32 to 4.9 % and
0.973, 110 to 4.4 % and 0.976. All of them have three decoder stages; `spark` has some of two since.

    python -m studies.latency_prediction
    python -m studies.latency_prediction --table studies/replay.csv
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segbench.files import write_text
from segbench.measurement.settings import Settings
from segbench.search.layer_costs import RAGGED, features
from segbench.search.screening import MAX_TIMED, draw_networks, fit_ratios, time_networks
from segbench.search.spaces.loading import load_study
from segbench.search.spaces.spark import STUDY
from studies.replay_table import Row, read_table

CLASSES = 12
FITTED_TO = (16, MAX_TIMED, 64, 110)
UNSEEN, SPLITS = 50, 20


def main() -> None:
    """Learn, measure others, and print how far off the predictions were."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="spark")
    parser.add_argument("--learn-from", type=int, default=MAX_TIMED)
    parser.add_argument("--unseen", type=int, default=UNSEEN)
    parser.add_argument("--rounds", type=int, default=3, help="of processes, for each unseen one")
    parser.add_argument("--keep", type=Path, help="write what was timed into this file")
    parser.add_argument("--table", type=Path, help="time nothing: split this table by chance")
    given = parser.parse_args()
    if given.table is not None:
        rows = read_table(given.table.read_text())
        for count in FITTED_TO:
            print(describe_splits(rows, count))  # noqa: T201
        return
    study, settings = load_study(given.study), Settings.of(classes=CLASSES)
    began = time.monotonic()
    seen = time_networks(
        study,
        draw_networks(study, given.learn_from, seed=0),
        settings,
        progress=lambda *_: None,
    )
    model = fit_ratios(study, seen, settings, classes=CLASSES)
    built_s = time.monotonic() - began
    unseen = time_networks(
        study,
        draw_networks(study, given.unseen, seed=1),
        settings,
        rounds=given.rounds,
        progress=lambda *_: None,
    )
    if given.keep is not None:
        write_text(given.keep, json.dumps({"seen": seen, "unseen": unseen}) + "\n", force=True)
    measured = np.array([ratio for _, ratio in unseen])
    predicted = np.array([model(values) for values, _ in unseen])
    print(describe(measured, predicted, built_s))  # noqa: T201
    done = np.array([features(model.layers(values)) for values, _ in unseen])
    ragged = (done[:, RAGGED] * model.weights[RAGGED] / predicted).mean()
    print(f"of what is predicted {100 * ragged:.1f} % goes to ragged tensors")  # noqa: T201


def describe_splits(rows: Sequence[Row], count: int) -> str:
    """Return how well so many networks of a table foretell fifty others, over a few splits."""
    from scipy.stats import spearmanr

    errors, ranks = [], []
    for seed in range(SPLITS):
        mixed = np.random.default_rng(seed).permutation(len(rows))
        seen = [(rows[at].values, rows[at].ratio) for at in mixed[:count]]
        model = fit_ratios(STUDY, seen, Settings(), classes=CLASSES)
        unseen = [rows[at] for at in mixed[-UNSEEN:]]
        measured = np.array([row.ratio for row in unseen])
        predicted = np.array([model(row.values) for row in unseen])
        errors.append(np.abs(predicted / measured - 1).mean())
        ranks.append(spearmanr(measured, predicted).statistic)
    return (
        f"learnt from {count}: mean error {100 * np.mean(errors):.1f} %, "
        f"Spearman {np.mean(ranks):.3f}, over {SPLITS} splits"
    )


def describe(measured: np.ndarray, predicted: np.ndarray, built_s: float) -> str:
    """Return the figures in a few lines."""
    from scipy.stats import spearmanr

    errors = np.abs(predicted / measured - 1)
    return "\n".join(
        (
            f"built in {built_s:.0f} s",
            f"{len(measured)} unseen networks",
            f"between {measured.min():.2f} and {measured.max():.2f} times the reference model",
            f"mean error {100 * errors.mean():.1f} %, largest {100 * errors.max():.1f} %",
            f"Spearman {spearmanr(measured, predicted).statistic:.3f}",
        )
    )


if __name__ == "__main__":
    main()
