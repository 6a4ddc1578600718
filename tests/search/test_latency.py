"""Number of rounds in which a search times networks beside the reference model."""

import math

import pytest
from made_up_runs import Script

from segbench.measurement.settings import Settings
from segbench.search.latency import MAX_ROUNDS, MAX_SECONDS, MIN_ROUNDS, NARROW, WIDE, time_beside
from zoo.spec import ModelSpec

REFERENCE, STEADY, UNSURE, RESTLESS = (
    ModelSpec(name) for name in ("segfast", "segnet", "segnet-basic", "fcn8s")
)


def swinging(either_side):
    """Return what a network takes whose rounds differ by as much to either side."""
    return lambda number, _cycle: 86.0 * math.exp(either_side * (-1) ** number)


TIMES = {"segfast": 43.0, "segnet": 21.5, "segnet-basic": swinging(0.03), "fcn8s": swinging(0.2)}


@pytest.fixture
def play(monkeypatch):
    return lambda round_s: Script(times=TIMES, round_s=round_s).play(monkeypatch)


def rounds_of(script):
    """Return the networks that each round had."""
    return [[candidate for candidate, _ in pairs] for pairs in script.asked[0]]


def half_of(timed):
    """Return half the width of an interval, as a share."""
    low, high = timed.interval
    return math.sqrt(high / low) - 1


def test_what_is_known_narrowly_is_timed_in_the_fewest_rounds(play):
    script = play(1.0)
    (timed,) = time_beside([STEADY], REFERENCE, Settings())
    assert rounds_of(script) == [[0]] * MIN_ROUNDS
    assert (timed.ratio, timed.rival_s, timed.rounds) == pytest.approx((0.5, 0.043, MIN_ROUNDS))


def test_what_is_not_goes_on_alone(play):
    script = play(1e-3)
    steady, restless = time_beside([STEADY, RESTLESS], REFERENCE, Settings())
    assert rounds_of(script) == [[0, 1]] * MIN_ROUNDS + [[1]] * (MAX_ROUNDS - MIN_ROUNDS)
    assert (steady.rounds, restless.rounds) == (MIN_ROUNDS, MAX_ROUNDS)
    assert half_of(restless) > NARROW
    assert restless.interval[0] < 2.0 < restless.interval[1]


@pytest.mark.parametrize("networks", [1, 2])
def test_no_round_begins_that_would_end_after_what_a_network_may_take(play, networks):
    script = play(networks * MAX_SECONDS / (MIN_ROUNDS + 1.5))
    (unsure, *_) = time_beside([UNSURE, STEADY][:networks], REFERENCE, Settings())
    assert len(script.asked[0]) == MIN_ROUNDS + 1
    assert NARROW < half_of(unsure) < WIDE


def test_what_is_hardly_known_may_take_as_long_again(play):
    script = play(
        MAX_SECONDS / 2.5
    )  # five rounds in what two networks may take, and two in the rest
    _, restless = time_beside([UNSURE, RESTLESS], REFERENCE, Settings())
    assert rounds_of(script) == [[0, 1]] * 5 + [[1]] * 2
    assert half_of(restless) > WIDE


def test_the_fewest_rounds_are_spent_however_long_they_take(play):
    script = play(2 * MAX_SECONDS)
    time_beside([RESTLESS], REFERENCE, Settings())
    assert len(script.asked[0]) == MIN_ROUNDS


def test_the_reference_model_is_not_measured_beside_itself_where_there_are_others(play):
    script = play(1.0)
    reference, steady = time_beside([REFERENCE, STEADY], REFERENCE, Settings())
    assert rounds_of(script) == [[0]] * MIN_ROUNDS
    assert (reference.ratio, reference.interval) == (1.0, None)
    assert (reference.rival_s, reference.rounds) == pytest.approx((0.043, MIN_ROUNDS))
    assert steady.ratio == pytest.approx(0.5)


def test_alone_it_is_measured_by_itself(play):
    script = play(1.0)
    (reference,) = time_beside([REFERENCE], REFERENCE, Settings())
    assert script.asked[0] == [[(0,)]] * MIN_ROUNDS
    assert (reference.ratio, reference.rival_s, reference.rounds) == pytest.approx(
        (1.0, 0.043, MIN_ROUNDS)
    )
