"""Do networks that are trained with smaller images rank as they do at the size they run at?

Question: a search trains with small images, for training is what takes long; what does the ranking
lose by it?
Source: ten networks of the space `spark` (five that it begins with, five draws), trained on
`streets` by `paper` for nine epochs, as a search does by default: with images of 224x224 by one
seed, with smaller ones by two.
Cost: 53 minutes on 2 cores of an Intel Xeon, when SegFast took 31 to 41 ms: 20 at 224x224, and for
both seeds 11 at 112x112, 9 at 96x96, 6 at 80x80 and 5 at 64x64. Other work ran beside a part of it.
Result: Kendall's tau with the ranking at 224x224 is 0.82 and 0.78 at 112x112, where two seeds have
0.87 with each other; 0.82 and 0.69 at 96x96 and at 80x80; 0.78 and 0.60 at 64x64. By the mean of
the seeds it is 0.87, 0.82, 0.82 and 0.64. So searches train at 80x80 by default.

    python -m studies.train_size --out runs/train-size

| size | seed 0 | seed 1 | mean of both | between the seeds | trained in |
| :-- | --: | --: | --: | --: | --: |
| 112x112 | 0.82 | 0.78 | 0.87 | 0.87 | 11 min |
| 96x96 | 0.82 | 0.69 | 0.82 | 0.87 | 9 min |
| 80x80 | 0.82 | 0.69 | 0.82 | 0.78 | 6 min |
| 64x64 | 0.78 | 0.60 | 0.64 | 0.82 | 5 min |

An exchange of two neighbours among ten is 0.04. So 80x80 is none to two exchanges behind 112x112
and takes about half the time, and 64x64 is one to five behind.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from scipy.stats import kendalltau

from segbench.search.screening import draw_networks
from segbench.search.space import Choice
from segbench.search.spaces.spark import STUDY
from segbench.training.config import Job
from studies.side_by_side import train_side_by_side

EPOCHS = 9
BEGUN_WITH = (0, 2, 3, 4, 6)  # SegFast, LEAN and 3/4 of it, half of SegFast-Basic and of SegFast
DRAWN = 5
REFERENCE = 224
ARMS = ((REFERENCE, 0), *((side, seed) for side in (112, 96, 80, 64) for seed in (0, 1)))


def networks() -> list[dict[str, Choice]]:
    """Return the choices that are trained."""
    first = [dict(STUDY.first[at]) for at in BEGUN_WITH]
    return [*first, *draw_networks(STUDY, DRAWN, seed=7)]


def jobs(side: int, seed: int) -> list[Job]:
    """Return the training of each network with images of this side."""
    size = (side, side)
    return [
        Job(model=str(STUDY.network(each)), dataset="streets", size=size, epochs=EPOCHS, seed=seed)
        for each in networks()
    ]


def main() -> None:
    """Train, and print the mIoU of every network and how the rankings agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/train-size"))
    out = parser.parse_args().out
    found: dict[tuple[int, int], list[float]] = {}
    for side, seed in ARMS:
        curves = train_side_by_side(jobs(side, seed), out / f"{side}-{seed}")
        found[side, seed] = [best[-1] for best in curves]
        _tell(f"{side}x{side}, seed {seed}: {' '.join(f'{best[-1]:.4f}' for best in curves)}")
    for side in sorted({side for side, _ in ARMS} - {REFERENCE}, reverse=True):
        seeds = [found[candidate] for candidate in ARMS if candidate[0] == side]
        taus = ", ".join(f"{_tau(mious, found[ARMS[0]]):.2f}" for mious in seeds)
        mean = _tau([sum(mious) for mious in zip(*seeds, strict=True)], found[ARMS[0]])
        _tell(
            f"{side}x{side} with {REFERENCE}x{REFERENCE}: Kendall's tau {taus}, of the mean "
            f"{mean:.2f}; of two seeds {_tau(*seeds):.2f}"
        )


def _tau(mious: Sequence[float], others: Sequence[float]) -> float:
    return float(kendalltau(mious, others).statistic)


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
