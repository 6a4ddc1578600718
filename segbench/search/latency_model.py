"""Predict how many times the rival a network takes, from a few dozen that were timed.

It screens; what is trained is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from segbench.search.layers import Layer, features
from segbench.search.space import Values

Floats = NDArray[np.float64]
Layers = Callable[[Values], Sequence[Layer]]


@dataclass(frozen=True)
class LatencyModel:
    """Time per million of what operators of each kind do, none of them below zero.

    Attributes:
        layers: returns what the network of a choice does.
        weights: for each of :func:`segbench.search.layers.features`.
    """

    layers: Layers
    weights: Floats

    @classmethod
    def fit(cls, layers: Layers, timed: Sequence[tuple[Values, float]]) -> LatencyModel:
        """Return the model that is nearest to what was timed, by relative error.

        Args:
            timed: choices, and what each takes, in any unit.
        """
        from scipy.optimize import nnls  # noqa: PLC0415 - reports do not wait for it

        taken = np.array([latency for _, latency in timed])
        rows = np.array([features(layers(values)) for values, _ in timed])
        scales = rows.max(axis=0)
        scales[scales == 0] = 1.0
        weights, _ = nnls(rows / scales / taken[:, None], np.ones(len(timed)))
        return cls(layers, weights / scales)

    def __call__(self, values: Values) -> float:
        """Return what the network of a choice takes, in that unit."""
        return sum(map(self._cost, self.layers(values)))

    @cached_property
    def _cost(self) -> Callable[[Layer], float]:
        """What tells the cost of a layer, worked out once for each: many networks have it."""

        @cache
        def cost(layer: Layer) -> float:
            return float(np.dot(features([layer]), self.weights))

        return cost
