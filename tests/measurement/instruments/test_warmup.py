"""When warming up ends, with readings that were written down beforehand."""

import pytest

from segbench.measurement.instruments.clock import Reading
from segbench.measurement.instruments.warmup import SECONDS_CAP, is_steady, warm_up


def script(*calls):
    """Return a call that gives these readings in turn, over and over from the last cycle."""
    given = iter(calls)

    def call():
        return next(given)

    return call


def quiet(*seconds):
    return [Reading(value, 0) for value in seconds]


def test_six_equal_calls_after_the_first_are_steady():
    done = warm_up(script(*quiet(0.9, *[0.1] * 20)), faultless=True)
    assert done.steady
    assert [reading.seconds for reading in done.readings] == [0.9] + [0.1] * 6


def test_the_first_call_is_no_witness():
    assert not is_steady(quiet(*[0.1] * 6), faultless=True)
    assert is_steady(quiet(*[0.1] * 7), faultless=True)
    assert is_steady(quiet(5.0, *[0.1] * 6), faultless=True)


@pytest.mark.parametrize(("slowest", "steady"), [(0.1099, True), (0.1101, False)])
def test_the_slowest_recent_call_may_exceed_the_fastest_by_a_tenth(slowest, steady):
    assert is_steady(quiet(1.0, *[0.1] * 5, slowest), faultless=True) is steady


@pytest.mark.parametrize(("now", "steady"), [(0.0951, True), (0.0949, False), (0.1051, False)])
def test_the_median_may_drift_by_a_twentieth(now, steady):
    assert is_steady(quiet(1.0, *[0.1] * 3, *[now] * 3), faultless=True) is steady


def test_calls_that_take_page_faults_are_not_steady_where_none_are_expected():
    faulting = [Reading(0.1, 0)] * 6 + [Reading(0.1, 600)]
    assert not is_steady(faulting, faultless=True)
    assert is_steady(faulting, faultless=False)


def test_calls_that_never_agree_end_after_forty():
    done = warm_up(script(*quiet(*[0.001, 0.002] * 30)), faultless=True)
    assert not done.steady
    assert len(done.readings) == 40


def test_slow_calls_end_when_they_have_cost_enough():
    done = warm_up(script(*quiet(*[SECONDS_CAP / 4] * 30)), faultless=True)
    assert not done.steady
    assert len(done.readings) == 1 + 4


def test_a_very_slow_first_call_is_the_only_one():
    assert len(warm_up(script(*quiet(60.0)), faultless=True).readings) == 1


def test_the_cost_of_the_first_call_is_not_taken_from_the_others():
    assert len(warm_up(script(*quiet(2.9, *[SECONDS_CAP / 4] * 9)), faultless=True).readings) == 5


def test_a_heap_that_still_grows_gets_twice_the_time():
    readings = [Reading(SECONDS_CAP / 4, 5000)] * 30
    assert len(warm_up(script(*readings), faultless=True).readings) == 1 + 8
    assert len(warm_up(script(*readings), faultless=False).readings) == 1 + 4


def test_recent_seconds_are_the_median_of_the_last_three_calls():
    done = warm_up(script(*quiet(0.2, *[0.1] * 4, 0.102, 0.104)), faultless=True)
    assert done.recent_s == 0.102
