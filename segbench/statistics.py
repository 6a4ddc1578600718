"""Medians, intervals and supported percentiles of samples that come in blocks and rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Interval = tuple[float, float]

# Samples below which a tail percentile is not printed: the least numbers of queries with which
# MLPerf Inference lets a single-stream run state it.
PERCENTILE_FLOORS = {0.90: 64, 0.99: 662}
RESAMPLES = 2000
CONFIDENCE = 0.95
OUTLIER_DEVIATIONS = 3.5  # Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993
_NORMAL_MAD = 0.6745  # median absolute deviation of a normal distribution, in deviations


def supported_percentile(samples: Sequence[float], share: float) -> float | None:
    """Return a percentile, or None where the samples are too few to tell it.

    >>> supported_percentile([1.0] * 63, 0.90) is None
    True
    >>> supported_percentile([1.0] * 64, 0.90)
    1.0
    """
    if len(samples) < PERCENTILE_FLOORS[share]:
        return None
    return float(np.quantile(np.asarray(samples), share))


def outliers(samples: Sequence[float]) -> tuple[int, ...]:
    """Return the positions of samples far from the median, which are marked and kept.

    >>> outliers([1.0, 1.1, 0.9, 1.0, 1.05, 9.0])
    (5,)
    """
    values = np.asarray(samples, dtype=np.float64)
    if len(values) == 0:
        return ()
    distance = np.abs(values - np.median(values))
    spread = float(np.median(distance))
    if spread == 0:
        return ()
    far = _NORMAL_MAD * distance / spread > OUTLIER_DEVIATIONS
    return tuple(int(position) for position in np.flatnonzero(far))


def median_interval(rounds: Sequence[Sequence[float]], *, seed: int) -> Interval | None:
    """Return the 95 % interval of the median of block figures.

    Args:
        rounds: the figures of the blocks of each round of processes.

    Returns:
        None from fewer than two blocks.

    >>> median_interval([[1.0, 1.0], [1.0]], seed=0)
    (1.0, 1.0)
    """
    return _hierarchical_bootstrap(
        rounds, lambda drawn: np.nanmedian(drawn.reshape(len(drawn), -1), axis=1), seed=seed
    )


def geometric_mean(ratios: Sequence[Sequence[float]]) -> float:
    """Return the geometric mean of paired ratios, each round weighing the same.

    >>> round(geometric_mean([[2.0, 8.0], [4.0]]), 12)
    4.0
    """
    return float(np.exp(np.mean([np.mean(np.log(row)) for row in ratios])))


def ratio_interval(ratios: Sequence[Sequence[float]], *, seed: int) -> Interval | None:
    """Return the 95 % interval of the geometric mean of paired ratios.

    Args:
        ratios: the ratios of the paired blocks of each round of processes.

    Returns:
        None from fewer than two pairs.
    """
    logs = [list(np.log(row)) for row in ratios]
    interval = _hierarchical_bootstrap(
        logs, lambda drawn: np.nanmean(drawn, axis=2).mean(axis=1), seed=seed
    )
    if interval is None:
        return None
    return float(np.exp(interval[0])), float(np.exp(interval[1]))


def _hierarchical_bootstrap(
    rounds: Sequence[Sequence[float]], statistic: Callable[[Floats], Floats], *, seed: int
) -> Interval | None:
    """Resample rounds, then the blocks within each, for what one process has in common stays."""
    if sum(map(len, rounds)) < 2:  # noqa: PLR2004 - one figure has no spread
        return None
    rng = np.random.default_rng(seed)
    widest = max(map(len, rounds))
    drawn = np.full((RESAMPLES, len(rounds), widest), np.nan)
    chosen = rng.integers(len(rounds), size=(RESAMPLES, len(rounds)))
    for number, blocks in enumerate(rounds):
        sample, place = np.nonzero(chosen == number)
        picks = rng.integers(len(blocks), size=(len(sample), len(blocks)))
        drawn[sample, place, : len(blocks)] = np.asarray(blocks)[picks]
    figures = statistic(drawn)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(figures, (tail, 1 - tail))
    return float(low), float(high)
