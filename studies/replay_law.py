"""What a table of trained networks says of those that are not in it.

The mIoU after each rung follows the logarithms of the widths and of the work, and the kinds of
convolution: a ridge regression. What it leaves unexplained is drawn for every network from its
name, so that each has its own luck, and the same whenever it is asked for. Latencies are those of
the predictor, learnt from the whole table. It needs scikit-learn, which is among what tests need.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from segbench.search.latency_model import LatencyModel
from segbench.search.rungs import rungs_of
from segbench.search.space import Values, Width
from segbench.search.trial import LatencyRatio
from studies.replay_table import EPOCHS, SPACE, Row

Floats = NDArray[np.float64]

PENALTIES = tuple(10.0**power for power in range(-2, 4))
LAYERS = partial(SPACE.operators, size=(224, 224), classes=12)


@dataclass(frozen=True)
class Ridge:
    """A linear law with a penalty on its slopes, and how well it foretold what it had not seen.

    Attributes:
        intercept, slopes: of the law.
        foretold: for each network of the table, by the law of all the others, (count,).
        spread: standard deviation of what those predictions were off by.
    """

    intercept: float
    slopes: Floats
    foretold: Floats
    spread: float

    @classmethod
    def fit(cls, places: Floats, figures: Floats) -> Ridge:
        """Return the law with the penalty that foretells best, each network left out in turn."""
        from sklearn.linear_model import RidgeCV

        scale = places.std(axis=0)
        scale[scale == 0] = 1.0
        law = RidgeCV(PENALTIES, scoring="neg_mean_squared_error", store_cv_results=True)
        law.fit(places / scale, figures)
        foretold = law.cv_results_[:, PENALTIES.index(law.alpha_)]
        spread = float(np.sqrt(((foretold - figures) ** 2).mean()))
        return cls(float(law.intercept_), law.coef_ / scale, foretold, spread)

    def __call__(self, place: Floats) -> float:
        """Return what the law says of a network."""
        return self.intercept + float(place @ self.slopes)


@dataclass(frozen=True)
class Law:
    """An evaluator of every network of the space.

    Attributes:
        miou: by the epochs of each rung.
    """

    latency: LatencyModel
    miou: dict[int, Ridge]

    @classmethod
    def fit(cls, rows: Sequence[Row]) -> Law:
        """Return the law that the networks of a table follow."""
        places = np.array([coordinates(row.values) for row in rows])
        miou = {
            epochs: Ridge.fit(places, np.array([row.best[epochs - 1] for row in rows]))
            for epochs in rungs_of(EPOCHS)
        }
        return cls(LatencyModel.fit(LAYERS, [(row.values, row.ratio) for row in rows]), miou)

    def time(self, values: Values) -> LatencyRatio:
        """Predict the ratio to the reference model's latency."""
        return LatencyRatio(self.latency(values), None, 1.0, 0)

    def train(self, _number: int, values: Values, *, until: int) -> float:
        """Predict the best mIoU by a rung."""
        place, luck = coordinates(values), luck_of(values)
        return max(
            ridge(place) + luck * ridge.spread
            for epochs, ridge in self.miou.items()
            if epochs <= until
        )


def coordinates(values: Values) -> Floats:
    """Return what the law of a network's mIoU is written in."""
    layers = LAYERS(values)
    found = [
        math.log(int(values[each.name]))
        if isinstance(each, Width)
        else float(each.choices.index(values[each.name]))
        for each in SPACE.dimensions
    ]
    found += [math.log(sum(layer.macs for layer in layers))]
    found += [math.log(sum(layer.params for layer in layers))]
    return np.array(found)


def luck_of(values: Values) -> float:
    """Return a number of the standard normal distribution that belongs to a network."""
    digest = hashlib.sha256(str(SPACE.network(values)).encode()).digest()
    share = (int.from_bytes(digest[:8], "big") + 0.5) / 2**64
    return NormalDist().inv_cdf(share)
