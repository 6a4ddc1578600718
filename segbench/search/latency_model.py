"""Latency model: a linear model of the operators' costs, fitted to timed networks.

It only screens. Each network that is trained was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from segbench.search.layer_costs import Layer, features
from segbench.search.space import Values

Floats = NDArray[np.float64]
Layers = Callable[[Values], Sequence[Layer]]


@dataclass(frozen=True)
class LatencyModel:
    """Non-negative costs of each kind of operator.

    Attributes:
        layers: returns the operators of a choice's network.
        weights: one for each of :func:`segbench.search.layer_costs.features`.
    """

    layers: Layers
    weights: Floats

    @classmethod
    def fit(cls, layers: Layers, timed: Sequence[tuple[Values, float]]) -> LatencyModel:
        """Fit the model by least squares of the relative errors.

        Args:
            timed: choices and the latency of each, in any unit.
        """
        from scipy.optimize import nnls

        taken = np.array([latency for _, latency in timed])
        rows = np.array([features(layers(values)) for values, _ in timed])
        scales = rows.max(axis=0)
        scales[scales == 0] = 1.0
        weights, _ = nnls(rows / scales / taken[:, None], np.ones(len(timed)))
        return cls(layers, weights / scales)

    def __call__(self, values: Values) -> float:
        """Return the latency of a choice's network, in that unit."""
        return sum(map(self._cost, self.layers(values)))

    @cached_property
    def _cost(self) -> Callable[[Layer], float]:
        """Cost of a layer, cached: many networks share it."""

        @cache
        def cost(layer: Layer) -> float:
            return float(np.dot(features([layer]), self.weights))

        return cost
