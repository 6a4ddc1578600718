"""Percentiles, ratios and intervals, against figures worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import bdtr

from segbench.results.statistics import (
    median_interval,
    outliers,
    ratio_interval,
    ratio_of,
    supported_percentile,
)

# Student's quantiles, from any table, by degrees of freedom: of 95 % intervals, that is at 0.975.
STUDENT = {1: 12.7062, 2: 4.30265, 3: 3.18245, 5: 2.57058}
DELTA = 0.01


@pytest.mark.parametrize(("share", "floor"), [(0.90, 64), (0.99, 662)])
def test_a_percentile_is_withheld_one_sample_below_its_floor(share, floor):
    assert supported_percentile([1.0] * (floor - 1), share) is None
    assert supported_percentile([1.0] * floor, share) == 1.0


def test_p90_of_0_to_100_is_90():
    assert supported_percentile(list(range(101)), 0.90) == pytest.approx(90.0)


def test_p99_of_0_to_1000_is_990_in_whatever_order_the_samples_came():
    samples = np.random.default_rng(0).permutation(1001).tolist()
    assert supported_percentile(samples, 0.99) == pytest.approx(990.0)


def test_the_ratio_of_a_ratio_and_its_inverse_is_1():
    assert ratio_of([[0.5, 2.0]]) == pytest.approx(1.0)


def test_each_round_weighs_the_same_in_a_ratio():
    # logarithms to base 2: round means 0 and 2, so their mean is 1
    assert ratio_of([[1.0, 1.0, 1.0, 1.0], [4.0]]) == pytest.approx(2.0)


def test_a_fifth_of_each_rounds_pairs_at_either_end_does_not_move_a_ratio():
    # 2 and 8 of five are kept with the 4 between them; likewise 2 of ten go at either end.
    # A fifth of six is rounded up to two.
    assert ratio_of([[1e-9, 2.0, 4.0, 8.0, 1e9]]) == pytest.approx(4.0)
    assert ratio_of([[1e-9, 1e-9, *[2.0] * 6, 1e9, 1e9]]) == pytest.approx(2.0)
    assert ratio_of([[1e-9, 1e-9, 2.0, 8.0, 1e9, 1e9]]) == pytest.approx(4.0)


def test_of_three_and_four_pairs_the_middle_is_kept_and_of_two_both_are():
    assert ratio_of([[1.0, 16.0, 2.0]]) == pytest.approx(2.0)
    assert ratio_of([[1.0, 16.0, 2.0, 8.0]]) == pytest.approx(4.0)
    assert ratio_of([[1.0, 16.0]]) == pytest.approx(4.0)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12))
def test_swapping_candidate_and_baseline_inverts_the_ratio(ratios):
    swapped = [1 / ratio for ratio in ratios]
    assert ratio_of([swapped]) == pytest.approx(1 / ratio_of([ratios]))


def test_swapping_candidate_and_baseline_inverts_the_interval():
    rounds = np.random.default_rng(1).lognormal(0, 0.1, (3, 7))
    low, high = ratio_interval(rounds.tolist())
    assert ratio_interval((1 / rounds).tolist()) == pytest.approx((1 / high, 1 / low))


def test_one_block_has_no_interval():
    assert median_interval([[1.0]]) is None
    assert ratio_interval([[1.0]]) is None
    assert median_interval([]) is None


def test_blocks_that_are_equal_have_an_interval_without_width():
    assert median_interval([[3.0, 3.0], [3.0]]) == pytest.approx((3.0, 3.0))
    assert ratio_interval([[2.0, 2.0], [2.0, 2.0]]) == pytest.approx((2.0, 2.0))


def test_an_interval_is_the_same_whenever_it_is_asked_for():
    rounds = np.random.default_rng(1).lognormal(0, 0.1, (4, 5)).tolist()
    assert ratio_interval(rounds) == ratio_interval(rounds)


def test_an_interval_reaches_equally_far_to_either_side_as_a_factor():
    rounds = [[1.0, 2.0, 3.0], [1.5, 2.0, 2.5]]
    low, high = median_interval(rounds)
    assert low < 2.0 < high
    assert low * high == pytest.approx(2.0**2)
    low, high = ratio_interval(rounds)
    assert low * high == pytest.approx(ratio_of(rounds) ** 2)


@pytest.mark.parametrize(
    ("confidence", "quantile"), [(0.90, 2.91999), (0.95, STUDENT[2]), (0.99, 9.92484)]
)
def test_rounds_alone_decide_where_their_blocks_do_not_differ(confidence, quantile):
    # Logarithms to base 2 are -1, 0 and 1: their variance is 1, that of their mean 1/3. With two
    # degrees of freedom Student's quantile at p is (2p - 1) / sqrt(2p (1 - p)).
    half = quantile / math.sqrt(3)
    rounds = [[0.5, 0.5], [1.0, 1.0], [2.0, 2.0]]
    for interval in (ratio_interval, median_interval):
        found = interval(rounds, confidence=confidence)
        assert found == pytest.approx((2**-half, 2**half), rel=1e-4)


def test_two_rounds_alone_are_held_to_one_degree_of_freedom():
    # Logarithms to base 2 are 0 and 2: their variance is 2, that of their mean 1.
    found = ratio_interval([[1.0, 1.0], [4.0, 4.0]])
    assert found == pytest.approx((2 * 2 ** -STUDENT[1], 2 * 2 ** STUDENT[1]), rel=1e-3)


def test_rounds_of_one_block_decide_alone_for_nothing_is_known_of_their_blocks():
    half = STUDENT[2] / math.sqrt(3)
    found = ratio_interval([[1.0], [2.0], [4.0]])
    assert found == pytest.approx((2 * 2**-half, 2 * 2**half), rel=1e-4)


def test_in_a_single_round_its_blocks_decide():
    # Four logarithms of -d and d have a variance of 4 d2 / 3, and their mean a third of d2.
    ratios = [math.exp(-DELTA), math.exp(DELTA)] * 2
    _, high = ratio_interval([ratios])
    assert math.log(high) == pytest.approx(STUDENT[3] * DELTA / math.sqrt(3), rel=1e-4)


def apart(between):
    """Return three rounds of two pairs, and half the width of their interval in units of DELTA.

    The logarithms of a round's pairs lie one DELTA to either side of their mean, whose variance is
    so DELTA squared; the means have a variance of so many times that.
    """
    offsets = (-math.sqrt(between), 0.0, math.sqrt(between))
    rounds = [
        [math.exp(DELTA * (offset - 1)), math.exp(DELTA * (offset + 1))] for offset in offsets
    ]
    _, high = ratio_interval(rounds)
    return math.log(high) / DELTA


# With 2 and 3 degrees of freedom, F exceeds f with a probability of (1 + 2 f / 3) ** -1.5, which is
# a quarter at f = 1.5 (4 ** (2/3) - 1) = 2.28.
@pytest.mark.parametrize("between", [0.0, 1.0, 2.1])
def test_rounds_that_differ_as_their_blocks_let_expect_are_pooled_with_them(between):
    variance = (2 * between + 3 * 1) / 5
    expected = STUDENT[5] * math.sqrt(variance / 3)
    assert apart(between) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("between", [2.5, 4.0, 100.0])
def test_rounds_that_differ_more_than_their_blocks_let_expect_decide_alone(between):
    expected = STUDENT[2] * math.sqrt(between / 3)
    assert apart(between) == pytest.approx(expected, rel=1e-4)


def covered(rounds, *, offset, deviates, runs):
    """Return how many intervals hold the true ratio, of ten pairs in each of so many rounds.

    Args:
        offset: standard deviation of what the pairs of a round have in common.
        deviates: draws what they have not, in an array of a given shape.
    """
    rng = np.random.default_rng(5)
    truth, hits = 1.10, 0
    for _ in range(runs):
        logs = rng.normal(0, offset, (rounds, 1)) + deviates(rng, (rounds, 10))
        low, high = ratio_interval((truth * np.exp(logs)).tolist())
        hits += low <= truth <= high
    return hits


def fewest(runs, share):
    """Return the number of hits that one run of a thousand falls short of by chance."""
    return next(hits for hits in range(runs) if bdtr(hits, runs, share) >= 0.001)


def heavy(rng, shape):
    """Draw from Student's distribution with two degrees of freedom, whose variance is infinite."""
    return 0.02 * rng.standard_t(2, shape)


@pytest.mark.parametrize("rounds", [3, 6])
@pytest.mark.parametrize("offset", [0.0, 0.005, 0.05])
def test_intervals_hold_the_true_ratio_in_95_of_100_runs_however_heavy_the_tails(rounds, offset):
    hits = covered(rounds, offset=offset, deviates=heavy, runs=200)
    assert hits >= fewest(200, 0.95)


def lasting(rng, shape):
    """Draw deviates of which each keeps half of the one before it in its round."""
    deviates = rng.normal(0, 0.02, shape)
    for position in range(1, shape[1]):
        deviates[:, position] += 0.5 * deviates[:, position - 1]
    return deviates


@pytest.mark.parametrize("rounds", [3, 6])
def test_intervals_hold_the_true_ratio_where_the_machine_stays_slow_for_some_time(rounds):
    hits = covered(rounds, offset=0.0, deviates=lasting, runs=300)
    assert hits >= fewest(300, 0.92)


def test_pooling_costs_some_certainty_where_three_rounds_differ_a_little():
    # As much as their blocks let expect, so that no test can tell: the price of intervals that are
    # half as wide where rounds do not differ.
    hits = covered(3, offset=0.01, deviates=lambda rng, shape: rng.normal(0, 0.02, shape), runs=300)
    # One that never misses would be too wide: by chance 300 of 300 hit once in five million times.
    assert fewest(300, 0.90) <= hits < 300


def test_intervals_are_not_so_wide_that_they_miss_nothing():
    rng = np.random.default_rng(6)
    ratios = np.exp(rng.normal(0, 0.01, (8, 4)))
    low, high = ratio_interval(ratios.tolist())
    # 1.96 standard errors of 32 samples with deviation 0.01 are 0.0035 to either side
    assert 0.003 < high - low < 0.014


def test_rounds_of_unequal_length_have_an_interval_too():
    low, high = ratio_interval([[1.0, 1.0, 1.0], [1.0], [1.0, 1.0]])
    assert (low, high) == pytest.approx((1.0, 1.0))


def test_an_outlier_is_marked_by_its_position():
    assert outliers([1.0, 9.0, 1.1, 0.9, 1.0, 1.05]) == (1,)


def test_there_are_no_outliers_without_samples_or_without_spread():
    assert outliers([]) == ()
    assert outliers([1.0, 1.0, 1.0, 5.0]) == ()
