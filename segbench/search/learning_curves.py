"""Learning-curve model: final mIoU of a partly trained network.

The gain from each rung to the next is predicted by a ridge regression on the mIoU at the rung, the
choices and the latency. Networks that learn slowly at first gain more later. With few networks the
prediction is their mean gain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from segbench.search.space import Study, Values
from segbench.search.trial import TrialRecord

Floats = NDArray[np.float64]

MIN_NETWORKS = 4  # that reached the next rung; with fewer the prediction is their mean
PENALTY = 30.0  # on the slopes of coordinates that were scaled to a deviation of 1
MIOU_SCALE = 12.0  # the mIoU at the rung tells more than any choice: its slope is hardly penalised
SEED_NOISE = 0.02  # mIoU; standard deviation between seeds, with the weight of MIN_NETWORKS


def coordinates_of(study: Study, values: Values, latency_s: float) -> list[float]:
    """Return the coordinates of a network in the space of the models: choices and log-latency."""
    return [*study.place(values), math.log(latency_s)]


@dataclass(frozen=True)
class GainModel:
    """Ridge regression of the gain from one rung to the next.

    Attributes:
        center, scale: of the coordinates of the networks that it was fitted to.
        slopes: per scaled coordinate.
        mean: gain at the center.
        deviation: leave-one-out error, its root mean square.
    """

    center: Floats
    scale: Floats
    slopes: Floats
    mean: float
    deviation: float

    @classmethod
    def fit(cls, coordinates: Floats, gains: Floats) -> GainModel:
        """Fit the model.

        Args:
            coordinates: (networks, coordinates), the mIoU at the rung first.
            gains: (networks,).

        >>> rung = np.array([[0.1], [0.2], [0.3], [0.4]])  # the higher, the less is gained
        >>> gain = GainModel.fit(rung, np.array([0.4, 0.3, 0.2, 0.1]))
        >>> round(float(gain(np.array([[0.25]]))[0]), 3), round(float(gain(rung[:1])[0]), 2)
        (0.25, 0.39)
        """
        count = len(gains)
        center, scale = coordinates.mean(axis=0), coordinates.std(axis=0)
        scale[scale == 0] = 1.0
        scale[0] /= MIOU_SCALE
        mean = float(gains.mean())
        if count < MIN_NETWORKS:
            return cls(center, scale, np.zeros(len(center)), mean, math.inf)
        scaled, left = (coordinates - center) / scale, gains - mean
        outer, sizes, inner = np.linalg.svd(scaled, full_matrices=False)
        kept = sizes**2 / (sizes**2 + PENALTY)
        hat = (outer**2 * kept).sum(axis=1) + 1 / count
        fitted = outer @ (kept * (outer.T @ left))
        # Leave-one-out residuals, from the diagonal of the hat matrix.
        residuals = (left - fitted) / np.maximum(1 - hat, 1 / count)
        slopes = inner.T @ (sizes / (sizes**2 + PENALTY) * (outer.T @ left))
        noise = MIN_NETWORKS * SEED_NOISE**2
        variance = (float(residuals @ residuals) + noise) / (count + MIN_NETWORKS)
        return cls(center, scale, slopes, mean, math.sqrt(variance))

    def __call__(self, coordinates: Floats) -> Floats:
        """Return the predicted gains, (networks,)."""
        found: Floats = self.mean + (coordinates - self.center) / self.scale @ self.slopes
        return found


@dataclass(frozen=True)
class LearningCurveModel:
    """Model of the final mIoU, one gain per rung.

    Attributes:
        gains: from a rung to the next, by the epochs of the rung.
    """

    study: Study
    gains: Mapping[int, GainModel]

    @classmethod
    def fit(cls, study: Study, trials: Sequence[TrialRecord]) -> LearningCurveModel:
        """Fit each gain to the trials that reached the next rung, whatever their state."""
        rungs = sorted({epochs for each in trials for epochs in each.rungs})
        gains = {}
        for rung, following in pairwise(rungs):
            reached = [each for each in trials if following in each.rungs and rung in each.rungs]
            if reached:
                miou = np.array([each.rungs[rung] for each in reached])
                gained = [each.rungs[following] - each.rungs[rung] for each in reached]
                gains[rung] = GainModel.fit(_features(study, reached, miou), np.array(gained))
        return cls(study, gains)

    def predict(self, trials: Sequence[TrialRecord]) -> tuple[Floats, Floats]:
        """Return the mean and deviation of the final mIoU, (trials,) each.

        A network that was trained to the end has its own mIoU and no deviation. The deviation is
        infinite where too few networks went on from a rung.

        Args:
            trials: measured, and trained to a rung at least.
        """
        at = np.array([each.epochs for each in trials])
        mean = np.array([each.rungs[each.epochs] for each in trials])
        variance = np.zeros(len(trials))
        for rung, gain in sorted(self.gains.items()):
            going = [position for position, epochs in enumerate(at) if epochs <= rung]
            if going:
                networks = [trials[position] for position in going]
                mean[going] += gain(_features(self.study, networks, mean[going]))
                variance[going] += gain.deviation**2
        return mean, np.sqrt(variance)


def _features(study: Study, trials: Sequence[TrialRecord], miou: Floats) -> Floats:
    """Return the features of a gain, (trials, 1 + coordinates): mIoU at the rung, coordinates."""
    coordinates = [
        coordinates_of(study, each.values, each.latency_s)
        for each in trials
        if each.latency_s is not None  # what was trained was measured
    ]
    return np.column_stack([miou, np.array(coordinates)])
