"""Looks, verdicts and estimates, with figures that can be worked out by hand."""

import math

import pytest
from made_up_results import make_latency

from segbench.budgets.judging import (
    ERRORS,
    Estimate,
    Looks,
    estimate_median,
    estimate_ratio,
    judge_exact,
    judge_timed,
    quotient,
    verdict_on,
)
from segbench.results.check import Judgement, Look
from segbench.results.profile import Noise

LOOK = Look(rounds=3, elapsed_s=30.0, error=0.005)
RAIN = Noise(noisy=True, reasons=("rain", "hail"))
QUIET = Noise(noisy=False, reasons=())
TIMED = Judgement(
    "mine", "latency.forward.p50_s <= 1 * baseline", "latency.forward.p50_s", "relative",
    "baseline", 0.04, None, bound=1.0,
)  # fmt: skip
EXACT = Judgement("mine", "params <= 100", "params", "exact", None, 100.0, None, bound=100.0)


def looks_of(limit_s, *, round_s=10.0, most=200):
    """Return the looks of a run whose rounds all take as long."""
    looks = Looks(limit_s, most=most)
    for rounds in range(1, most + 1):
        last = looks.is_last(rounds, rounds * round_s)
        looks.due(rounds, rounds * round_s)
        if last:
            break
    return looks.taken


def test_the_looks_are_after_three_rounds_at_half_time_and_at_the_end():
    # In 195 s there is room for 19 rounds of 10 s; half of the time is over after the tenth.
    looks = looks_of(195.0)
    assert [(look.rounds, look.elapsed_s) for look in looks] == [
        (3, 30.0),
        (10, 100.0),
        (19, 190.0),
    ]
    assert [look.error for look in looks] == [0.005, 0.015, pytest.approx(0.03)]


def test_nothing_is_looked_at_before_three_rounds():
    looks = Looks(1.0)
    assert looks.due(1, 500.0) is None
    assert looks.due(2, 1000.0) is None
    assert not looks.is_last(2, 1000.0)


def test_three_rounds_are_measured_even_if_the_first_was_too_long_already():
    [only] = looks_of(5.0)
    assert (only.rounds, only.error) == (3, pytest.approx(0.05))


def test_what_a_look_that_fell_out_has_not_spent_goes_to_the_last():
    # After the first look at 30 s, the round that ends at 40 s is past half time and is the last.
    first, last = looks_of(45.0)
    assert (first.rounds, last.rounds) == (3, 4)
    assert (first.error, last.error) == (0.005, pytest.approx(0.045))


@pytest.mark.parametrize("limit_s", [1.0, 35.0, 45.0, 60.0, 95.0, 300.0, 1e4])
@pytest.mark.parametrize("round_s", [0.1, 7.0, 10.0, 90.0])
def test_errors_add_to_five_per_cent_over_at_most_three_looks(limit_s, round_s):
    looks = looks_of(limit_s, round_s=round_s)
    assert 1 <= len(looks) <= 3
    assert sum(look.error for look in looks) == pytest.approx(0.05)
    assert min(look.error for look in looks) > 0


def test_the_last_round_that_there_may_be_is_the_last_look():
    # Two hundred rounds of 10 s are over long before an hour is.
    assert [look.rounds for look in looks_of(3600.0)] == [3, 180, 200]
    assert [look.rounds for look in looks_of(1e6)] == [3, 200]
    assert sum(look.error for look in looks_of(1e6)) == pytest.approx(0.05)


def test_the_first_look_is_worth_the_least_and_the_last_the_most():
    assert sum(ERRORS) == pytest.approx(0.05)
    assert list(ERRORS) == sorted(ERRORS)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((1.01, 1.2), "over"),
        ((0.9, 1.0), "within"),  # a bound may be reached
        ((1.0, 1.0), "within"),
        ((1.0, 1.2), "inconclusive"),
        ((0.9, 1.01), "inconclusive"),
        (None, "inconclusive"),
    ],
)
def test_an_interval_is_over_or_within_as_a_whole(interval, verdict):
    assert verdict_on(interval, 1.0) == verdict


def test_the_ratio_of_blocks_that_all_agree_is_known_exactly():
    above, below = make_latency([[6.0, 12.0], [9.0]]), make_latency([[2.0, 4.0], [3.0]])
    found = estimate_ratio(above, below, confidence=0.95)
    assert found.value == pytest.approx(3.0)
    assert found.interval == pytest.approx((3.0, 3.0))


def test_a_ratio_needs_blocks_of_both():
    latency = make_latency()
    assert estimate_ratio(latency, None, confidence=0.95) is None
    assert estimate_ratio(None, latency, confidence=0.95) is None
    assert estimate_median(None, confidence=0.95) is None


def test_more_confidence_makes_wider_intervals_of_the_same_figure():
    latency = make_latency([[40, 42, 44], [41, 43, 47], [39, 42, 45]])
    wide = estimate_median(latency, confidence=0.995)
    narrow = estimate_median(latency, confidence=0.95)
    assert wide.value == narrow.value == pytest.approx(0.042)
    assert wide.interval[0] < narrow.interval[0] < 0.042 < narrow.interval[1] < wide.interval[1]


def test_a_single_block_has_a_value_and_no_interval():
    found = estimate_median(make_latency([[40.0]]), confidence=0.95)
    assert found == Estimate(0.04, None)


def test_the_errors_of_a_quotient_add_by_their_squares():
    # In logarithms to the base of 2, half widths of 3 and 4 become one of 5.
    found = quotient(Estimate(8.0, (1.0, 64.0)), Estimate(1.0, (1 / 16, 16.0)))
    assert found.value == 8.0
    assert found.interval == pytest.approx((8.0 / 32, 8.0 * 32))


def test_a_quotient_is_wide_where_its_divisor_may_be_small():
    low, high = quotient(Estimate(4.0, (4.0, 4.0)), Estimate(2.0, (1.0, 2.0))).interval
    assert (low, high) == pytest.approx((2.0, 4.0))


@pytest.mark.parametrize(("above", "below"), [((1.0, 4.0), None), (None, (1.0, 4.0)), (None, None)])
def test_a_quotient_of_an_unknown_spread_has_none(above, below):
    assert quotient(Estimate(2.0, above), Estimate(2.0, below)) == Estimate(1.0, None)


def test_the_intervals_of_a_quotient_are_symmetric_in_logarithms():
    low, high = quotient(Estimate(3.0, (2.0, 4.5)), Estimate(1.0, (1.0, 1.0))).interval
    assert math.log(3.0 / low) == pytest.approx(math.log(high / 3.0))


@pytest.mark.parametrize(("own", "verdict"), [(99.0, "within"), (100.0, "within"), (101.0, "over")])
def test_an_exact_figure_may_reach_its_bound_and_not_exceed_it(own, verdict):
    found = judge_exact(Judgement(**{**vars(EXACT), "measured": own}), 1)
    assert (found.verdict, found.value, found.reason) == (verdict, own, "")
    assert (found.interval, found.confidence, found.looks) == (None, None, 0)


def test_an_exact_figure_that_is_the_third_of_another_is_not_rounded_to_over_it():
    third = Judgement(**{**vars(EXACT), "measured": 49.0 / 3, "bound": 1 / 3, "to": "segnet"})
    assert judge_exact(third, 49.0).verdict == "within"


def test_a_multiple_of_nothing_is_nothing():
    found = judge_exact(Judgement(**{**vars(EXACT), "measured": 1.0, "to": "segnet"}), 0.0)
    assert (found.verdict, found.value) == ("over", None)
    found = judge_exact(Judgement(**{**vars(EXACT), "measured": 0.0, "to": "segnet"}), 0.0)
    assert (found.verdict, found.value) == ("within", None)


@pytest.mark.parametrize(
    ("changes", "other", "reason"),
    [
        (
            {"metric": "memory.forward_peak_bytes", "measured": None},
            1,
            (
                "memory.forward_peak_bytes of mine is not known; run on Linux, or leave the limit "
                "out"
            ),
        ),
        (
            {"metric": "saved_activations_bytes", "measured": None, "to": "segnet"},
            8.0,
            "saved_activations_bytes of mine is not known; leave the limit out",
        ),
        (
            {"metric": "saved_activations_bytes", "to": "segnet"},
            None,
            "saved_activations_bytes of segnet is not known; leave the limit out",
        ),
        (
            {"metric": "saved_activations_bytes", "to": "baseline"},
            None,
            "saved_activations_bytes of the baseline is not known; leave the limit out",
        ),
    ],
)
def test_an_unknown_figure_is_inconclusive_and_said_to_be_unknown(changes, other, reason):
    found = judge_exact(Judgement(**{**vars(EXACT), **changes}), other)
    assert (found.verdict, found.reason) == ("inconclusive", reason)


def test_a_time_whose_interval_holds_the_bound_is_inconclusive_and_says_what_helps():
    found = judge_timed(TIMED, Estimate(1.0, (0.9, 1.1)), LOOK)
    assert (found.verdict, found.value, found.interval) == ("inconclusive", 1.0, (0.9, 1.1))
    assert found.reason == (
        "the interval holds the bound after 3 rounds; give more time with --max-time, or a quieter "
        "machine"
    )


@pytest.mark.parametrize("estimate", [None, Estimate(1.0, None)])
def test_a_time_without_an_interval_is_inconclusive_and_never_left_open(estimate):
    found = judge_timed(TIMED, estimate, LOOK)
    assert found.verdict == "inconclusive"
    assert found.reason == "there are too few samples to judge by"
    assert found.interval is None


def test_a_disturbed_machine_excuses_what_is_over():
    found = judge_timed(TIMED, Estimate(1.2, (1.1, 1.3)), LOOK, noise=RAIN)
    assert found.verdict == "inconclusive"
    assert found.reason == "it is over, but the machine was disturbed: rain"
    assert (found.value, found.interval) == (1.2, (1.1, 1.3))


def test_a_disturbed_machine_does_not_speak_against_what_is_within_all_the_same():
    found = judge_timed(TIMED, Estimate(0.8, (0.7, 0.9)), LOOK, noise=RAIN)
    assert (found.verdict, found.reason) == ("within", "")


def test_a_baseline_of_a_disturbed_machine_excuses_nothing():
    found = judge_timed(TIMED, Estimate(0.8, (0.7, 0.9)), LOOK, noise=QUIET, noise_then=RAIN)
    assert found.verdict == "inconclusive"
    assert found.reason == (
        "it is within, but the machine was disturbed when the baseline was saved: rain; "
        "save it again"
    )


def test_what_is_over_even_a_baseline_of_a_disturbed_machine_is_over():
    found = judge_timed(TIMED, Estimate(1.2, (1.1, 1.3)), LOOK, noise=QUIET, noise_then=RAIN)
    assert (found.verdict, found.reason) == ("over", "")
