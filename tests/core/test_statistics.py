"""Percentiles, intervals and means, against figures worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.statistics import (
    geometric_mean,
    median_interval,
    outliers,
    ratio_interval,
    supported_percentile,
)


@pytest.mark.parametrize(("share", "floor"), [(0.90, 64), (0.99, 662)])
def test_a_percentile_is_withheld_one_sample_below_its_floor(share, floor):
    assert supported_percentile([1.0] * (floor - 1), share) is None
    assert supported_percentile([1.0] * floor, share) == 1.0


def test_p90_of_0_to_100_is_90():
    assert supported_percentile(list(range(101)), 0.90) == pytest.approx(90.0)


def test_p99_of_0_to_1000_is_990_in_whatever_order_the_samples_came():
    samples = np.random.default_rng(0).permutation(1001).tolist()
    assert supported_percentile(samples, 0.99) == pytest.approx(990.0)


def test_the_geometric_mean_of_a_ratio_and_its_inverse_is_1():
    assert geometric_mean([[0.5, 2.0]]) == pytest.approx(1.0)


def test_each_round_weighs_the_same_in_the_geometric_mean():
    # logarithms to base 2: round means 0 and 2, so their mean is 1
    assert geometric_mean([[1.0, 1.0, 1.0, 1.0], [4.0]]) == pytest.approx(2.0)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6))
def test_swapping_candidate_and_baseline_inverts_the_geometric_mean(ratios):
    swapped = [1 / ratio for ratio in ratios]
    assert geometric_mean([swapped]) == pytest.approx(1 / geometric_mean([ratios]))


def test_one_block_has_no_interval():
    assert median_interval([[1.0]], seed=0) is None
    assert ratio_interval([[1.0]], seed=0) is None
    assert median_interval([], seed=0) is None


def test_blocks_that_are_equal_have_an_interval_without_width():
    assert median_interval([[3.0, 3.0], [3.0]], seed=0) == (3.0, 3.0)
    assert ratio_interval([[2.0, 2.0], [2.0, 2.0]], seed=0) == pytest.approx((2.0, 2.0))


def test_an_interval_is_the_same_for_the_same_seed_and_not_for_another():
    rounds = np.random.default_rng(1).lognormal(0, 0.1, (4, 5)).tolist()
    assert ratio_interval(rounds, seed=7) == ratio_interval(rounds, seed=7)
    assert ratio_interval(rounds, seed=7) != ratio_interval(rounds, seed=8)


def test_an_interval_lies_within_the_samples_and_around_their_middle():
    low, high = median_interval([[1.0, 2.0, 3.0], [1.5, 2.0, 2.5]], seed=0)
    assert 1.0 <= low < 2.0 < high <= 3.0


def test_rounds_that_differ_widen_an_interval_although_the_figures_are_the_same():
    apart = [[1.0] * 4, [2.0] * 4]  # what a process has in common shows between the rounds
    mixed = [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    low, high = ratio_interval(apart, seed=0)
    closer_low, closer_high = ratio_interval(mixed, seed=0)
    # One in four draws takes the first round twice, so 2.5 % at each end is all of that round.
    assert (low, high) == pytest.approx((1.0, 2.0))
    assert closer_low > 1.0
    assert closer_high < 2.0


def test_intervals_contain_the_true_ratio_of_rounds_that_differ():
    rng = np.random.default_rng(5)
    truth, contained = 1.10, 0
    for seed in range(60):
        offsets = rng.normal(0, 0.02, (8, 1))
        ratios = truth * np.exp(offsets + rng.normal(0, 0.01, (8, 4)))
        low, high = ratio_interval(ratios.tolist(), seed=seed)
        contained += low <= truth <= high
    # 95 % of 60 are 57. A bootstrap over 8 rounds is narrower by 1 - sqrt(7/8), so that 92 % is
    # its share; 48 is below that by over three standard deviations.
    assert contained >= 48


def test_intervals_are_not_so_wide_that_they_miss_nothing():
    rng = np.random.default_rng(6)
    ratios = np.exp(rng.normal(0, 0.01, (8, 4)))
    low, high = ratio_interval(ratios.tolist(), seed=0)
    # 1.96 standard errors of 32 samples with deviation 0.01 are 0.0035 to either side
    assert 0.003 < high - low < 0.014


def test_rounds_of_unequal_length_are_resampled_too():
    low, high = ratio_interval([[1.0, 1.0, 1.0], [1.0], [1.0, 1.0]], seed=0)
    assert (low, high) == pytest.approx((1.0, 1.0))


def test_an_outlier_is_marked_by_its_position():
    assert outliers([1.0, 9.0, 1.1, 0.9, 1.0, 1.05]) == (1,)


def test_there_are_no_outliers_without_samples_or_without_spread():
    assert outliers([]) == ()
    assert outliers([1.0, 1.0, 1.0, 5.0]) == ()
