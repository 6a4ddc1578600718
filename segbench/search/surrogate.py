"""Surrogate model: a Gaussian process for the mIoU of untrained networks.

The algorithm is 2.1 of Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, with
a Matern 5/2 kernel over scaled coordinates. Length scale and noise are the likeliest of a small
grid: with tens of trials and as many dimensions a gradient would follow chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LENGTH_SCALES = (0.5, 1.0, 2.0, 4.0)  # in median distances of a pair
NOISES = (1e-3, 1e-2, 1e-1)  # variance of a figure, relative to that of all


@dataclass(frozen=True)
class Surrogate:
    """A fitted Gaussian process.

    >>> places = np.linspace(0, 1, 9)[:, None]
    >>> surrogate = Surrogate.fit(places, np.sin(6 * places[:, 0]))
    >>> mean, deviation = surrogate.predict(np.array([[0.3], [3.0]]))
    >>> bool(abs(mean[0] - np.sin(1.8)) < 0.05), bool(deviation[0] < deviation[1])
    (True, True)
    """

    places: Floats
    scale: float
    mean: float
    spread: float
    weights: Floats
    factor: Floats  # Cholesky, lower

    @classmethod
    def fit(cls, places: Floats, figures: Floats) -> Surrogate:
        """Fit to figures at places, (figures, coordinates) and (figures,)."""
        mean, spread = float(figures.mean()), float(figures.std()) or 1.0
        scaled = (figures - mean) / spread
        distances = _distances(places, places)
        typical = (
            float(np.median(distances[np.triu_indices(len(places), 1)])) if len(places) > 1 else 1
        )
        best: tuple[float, float, Floats, Floats] | None = None
        for share in LENGTH_SCALES:
            scale = share * (typical or 1.0)
            kernel = _matern(distances / scale)
            for noise in NOISES:
                factor = _cholesky(kernel + noise * np.eye(len(places)))
                weights = _solve(factor, scaled)
                likelihood = -0.5 * scaled @ weights - np.log(np.diag(factor)).sum()
                if best is None or likelihood > best[0]:
                    best = float(likelihood), scale, weights, factor
        assert best is not None  # noqa: S101 - there are scales
        _, scale, weights, factor = best
        return cls(places, scale, mean, spread, weights, factor)

    def predict(self, places: Floats) -> tuple[Floats, Floats]:
        """Return the mean and the deviation at other places, (places,) each."""
        from scipy.linalg import solve_triangular

        kernel = _matern(_distances(places, self.places) / self.scale)
        half = solve_triangular(self.factor, kernel.T, lower=True)
        variance = np.maximum(1 - (half**2).sum(axis=0), 1e-9)
        return self.mean + self.spread * (kernel @ self.weights), self.spread * np.sqrt(variance)


def _distances(some: Floats, others: Floats) -> Floats:
    squares = (some**2).sum(1)[:, None] + (others**2).sum(1)[None] - 2 * some @ others.T
    found: Floats = np.sqrt(np.maximum(squares, 0))
    return found


def _matern(distances: Floats) -> Floats:
    far = np.sqrt(5) * distances
    found: Floats = (1 + far + far**2 / 3) * np.exp(-far)
    return found


def _cholesky(kernel: Floats) -> Floats:
    return np.linalg.cholesky(kernel).astype(np.float64)


def _solve(factor: Floats, figures: Floats) -> Floats:
    from scipy.linalg import cho_solve

    found: Floats = cho_solve((factor, True), figures)
    return found
