"""Medians, ratios, intervals and supported percentiles of samples in blocks and rounds.

A round is a set of fresh processes. What its blocks have in common, the layout of memory perhaps,
no number of blocks in one process can average out; so intervals are over rounds, then blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Interval = tuple[float, float]

# Samples below which a tail percentile is not printed: the least numbers of queries with which
# MLPerf Inference lets a single-stream run state it.
PERCENTILE_FLOORS = {0.90: 64, 0.99: 662}
CONFIDENCE = 0.95
# On a machine shared with others, pairs of blocks have heavy tails: a neighbour that comes or goes
# between the two halves moves one of them by half. Of each round's pairs a fifth at either end, one
# at least, is left out of the mean; they are kept in the result.
TRIMMED = 0.2
LEAST_TRIMMED = 3  # pairs, for fewer have no middle
# Bozivich, Bancroft and Hartley, Power of analysis of variance test procedures for certain
# incompletely specified models, 1956: pool two estimates of a variance unless a test at this level
# tells them apart. At usual levels it would miss a real difference too often.
POOLING_LEVEL = 0.25
# Neighbouring blocks resemble each other, for a machine stays slow for some time. Means of batches
# of consecutive ones do so much less (Schmeiser, Batch size effects in the analysis of simulation
# output, 1982).
BATCHES = 4  # of a round
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


def trimmed_mean(values: Floats) -> Floats:
    """Return the mean over the last axis without the fifth, rounded up, at either end of it.

    >>> float(trimmed_mean(np.array([1.0, 2.0, 3.0, 500.0])))
    2.5
    """
    count = values.shape[-1]
    least = math.ceil(TRIMMED * count) if count >= LEAST_TRIMMED else 0
    ordered = np.sort(values, axis=-1)
    kept: Floats = ordered[..., least : count - least].mean(axis=-1)
    return kept


def ratio_of(ratios: Sequence[Sequence[float]]) -> float:
    """Return the trimmed geometric mean of paired ratios, each round weighing the same.

    >>> round(ratio_of([[2.0, 8.0], [4.0]]), 12)
    4.0
    """
    return math.exp(np.mean([float(trimmed_mean(np.log(row))) for row in ratios]))


def ratio_interval(
    ratios: Sequence[Sequence[float]], *, confidence: float = CONFIDENCE
) -> Interval | None:
    """Return the interval of :func:`ratio_of`.

    Args:
        ratios: the ratios of the paired blocks of each round of processes.

    Returns:
        None from fewer than two pairs.

    >>> ratio_interval([[2.0, 2.0], [2.0]])
    (2.0, 2.0)
    """
    half = _half_width([np.log(row) for row in ratios], trimmed_mean, confidence=confidence)
    return None if half is None else _around(ratio_of(ratios), half)


def median_interval(
    rounds: Sequence[Sequence[float]], *, confidence: float = CONFIDENCE
) -> Interval | None:
    """Return the interval of the median of block figures.

    Args:
        rounds: the figures of the blocks of each round of processes, all above 0.

    Returns:
        None from fewer than two blocks.

    >>> median_interval([[1.0, 1.0], [1.0]])
    (1.0, 1.0)
    """
    half = _half_width(
        [np.log(row) for row in rounds],
        lambda values: np.median(values, axis=-1),
        confidence=confidence,
    )
    if half is None:
        return None
    return _around(float(np.median([figure for row in rounds for figure in row])), half)


def _around(middle: float, half_width: float) -> Interval:
    """Return the interval to either side of a figure whose logarithm has this half width."""
    return middle / math.exp(half_width), middle * math.exp(half_width)


def _half_width(
    rounds: Sequence[Floats], location: Callable[[Floats], Floats], *, confidence: float
) -> float | None:
    """Return half the width of the interval of the mean over rounds of their locations.

    The variance of a round's location is seen twice: between batches of its consecutive blocks,
    and between the rounds. The two are pooled, unless the rounds differ more than their batches
    let expect; then the rounds alone decide. Student's distribution gives the interval.

    A bootstrap of the few rounds and their blocks would be too narrow where processes differ, too
    wide where they do not, for it counts the blocks twice, and blind to what neighbouring blocks
    have in common.
    """
    from scipy.special import fdtrc, stdtrit  # noqa: PLC0415 - reports do not wait for it

    if sum(map(len, rounds)) < 2:  # noqa: PLR2004 - one figure has no spread
        return None
    between_freedom, within_freedom = len(rounds) - 1, 0
    within = 0.0
    for row in rounds:
        variance, freedom = _variance_of_location(row, location)
        within += variance / len(rounds)
        within_freedom += freedom
    if between_freedom == 0:
        variance, freedom = within, within_freedom
    else:
        variance = float(np.var([float(location(row)) for row in rounds], ddof=1))
        freedom = between_freedom
        alike = within_freedom > 0 and (
            variance <= within
            or (
                within > 0
                and fdtrc(between_freedom, within_freedom, variance / within) >= POOLING_LEVEL
            )
        )
        if alike:
            freedom += within_freedom
            variance = (between_freedom * variance + within_freedom * within) / freedom
    quantile = float(stdtrit(freedom, 1 - (1 - confidence) / 2))
    return quantile * math.sqrt(variance / len(rounds))


def _variance_of_location(
    values: Floats, location: Callable[[Floats], Floats]
) -> tuple[float, int]:
    """Return the variance of a location by the means of batches, and its degrees of freedom."""
    batches = np.array_split(values, min(BATCHES, len(values)))
    if len(batches) == 1:
        return 0.0, 0
    found = [float(location(batch)) for batch in batches]
    return float(np.var(found, ddof=1)) / len(batches), len(batches) - 1
