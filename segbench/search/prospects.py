"""What mIoU to expect at the end of a network that was trained for a part of its epochs.

From each rung to the next a network gains what those that went on gained: a ridge regression of the
gain on the mIoU at the rung (what learns slowly at first gains more later), on the choices and on
the latency. With few of them that is their mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from segbench.search.seen import Seen
from segbench.search.space import Study, Values

Floats = NDArray[np.float64]

FEW = 4  # networks that came farther; of fewer nothing but their mean is learnt
PENALTY = 30.0  # on the slopes of coordinates that were scaled to a deviation of 1
STEEPER = 12.0  # the mIoU at the rung tells more than any choice: its slope is hardly held back
LUCK = (
    0.02  # of mIoU, between two trainings that differ in the seed; weighs as much as FEW networks
)


def place_of(study: Study, values: Values, latency_s: float) -> list[float]:
    """Return the coordinates by which networks are alike: the choices, and how slow they are."""
    return [*study.place(values), math.log(latency_s)]


@dataclass(frozen=True)
class Gain:
    """What is gained from one rung to the next, and how far off that may be.

    Attributes:
        center, scale: of the coordinates, those of the networks that it was learnt from.
        slopes: per scaled coordinate.
        mean: gain at the center.
        deviation: of what networks gained from what the others had foretold of them.
    """

    center: Floats
    scale: Floats
    slopes: Floats
    mean: float
    deviation: float

    @classmethod
    def fit(cls, coordinates: Floats, gains: Floats) -> Gain:
        """Learn from networks; (count, coordinates), the mIoU at the rung first, and (count,).

        >>> rung = np.array([[0.1], [0.2], [0.3], [0.4]])  # the higher, the less is gained
        >>> gain = Gain.fit(rung, np.array([0.4, 0.3, 0.2, 0.1]))
        >>> round(float(gain(np.array([[0.25]]))[0]), 3), round(float(gain(rung[:1])[0]), 2)
        (0.25, 0.39)
        """
        count = len(gains)
        center, scale = coordinates.mean(axis=0), coordinates.std(axis=0)
        scale[scale == 0] = 1.0
        scale[0] /= STEEPER
        mean = float(gains.mean())
        if count < FEW:
            return cls(center, scale, np.zeros(len(center)), mean, math.inf)
        scaled, left = (coordinates - center) / scale, gains - mean
        outer, sizes, inner = np.linalg.svd(scaled, full_matrices=False)
        kept = sizes**2 / (sizes**2 + PENALTY)
        hat = (outer**2 * kept).sum(axis=1) + 1 / count
        foretold = outer @ (kept * (outer.T @ left))
        # What each would be off by if it had been left out; where it stands alone, all of it.
        off = (left - foretold) / np.maximum(1 - hat, 1 / count)
        slopes = inner.T @ (sizes / (sizes**2 + PENALTY) * (outer.T @ left))
        variance = (float(off @ off) + FEW * LUCK**2) / (count + FEW)
        return cls(center, scale, slopes, mean, math.sqrt(variance))

    def __call__(self, coordinates: Floats) -> Floats:
        """Return what networks will gain, (count,)."""
        found: Floats = self.mean + (coordinates - self.center) / self.scale @ self.slopes
        return found


@dataclass(frozen=True)
class Prospects:
    """What is expected of networks that came to a rung.

    Attributes:
        gains: from a rung to the next, by the epochs of the rung.
    """

    study: Study
    gains: Mapping[int, Gain]

    @classmethod
    def learn(cls, study: Study, seen: Sequence[Seen]) -> Prospects:
        """Learn from the networks that came to the next rung, whatever became of them."""
        rungs = sorted({epochs for each in seen for epochs in each.rungs})
        gains = {}
        for rung, following in pairwise(rungs):
            came = [each for each in seen if following in each.rungs and rung in each.rungs]
            if came:
                places = _coordinates(study, came, np.array([each.rungs[rung] for each in came]))
                gained = [each.rungs[following] - each.rungs[rung] for each in came]
                gains[rung] = Gain.fit(places, np.array(gained))
        return cls(study, gains)

    def expect(self, seen: Sequence[Seen]) -> tuple[Floats, Floats]:
        """Return the mIoU that each will have at the end, and the deviation; (count,) each.

        What was trained to the end has what it has. Where too few came farther than a rung to say
        how much may be gained, the deviation is infinite.

        Args:
            seen: networks that were measured, and trained to a rung at least.
        """
        at = np.array([max(each.rungs) for each in seen])
        mean = np.array([each.rungs[max(each.rungs)] for each in seen])
        variance = np.zeros(len(seen))
        for rung, gain in sorted(self.gains.items()):
            going = [position for position, epochs in enumerate(at) if epochs <= rung]
            if going:
                networks = [seen[position] for position in going]
                mean[going] += gain(_coordinates(self.study, networks, mean[going]))
                variance[going] += gain.deviation**2
        return mean, np.sqrt(variance)


def _coordinates(study: Study, networks: Sequence[Seen], miou: Floats) -> Floats:
    """Return what a gain follows from: the mIoU at the rung, and the place of each network."""
    places = [
        place_of(study, each.values, each.latency_s)
        for each in networks
        if each.latency_s is not None  # what was trained was measured
    ]
    return np.column_stack([miou, np.array(places)])
