"""In how many rounds a search times networks beside the rival."""

import math

import pytest
from made_up_runs import Script

from segbench.search.timing import LEAST_ROUNDS, MOST_ROUNDS, MOST_S, NARROW, WIDE, time_beside
from segbench.settings import Settings
from zoo.spec import ModelSpec

RIVAL, STEADY, UNSURE, RESTLESS = (
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
    return [[arm for arm, _ in contests] for contests in script.asked[0]]


def half_of(timed):
    """Return half the width of an interval, as a share."""
    low, high = timed.interval
    return math.sqrt(high / low) - 1


def test_what_is_known_narrowly_is_timed_in_the_fewest_rounds(play):
    script = play(1.0)
    (timed,) = time_beside([STEADY], RIVAL, Settings())
    assert rounds_of(script) == [[0]] * LEAST_ROUNDS
    assert (timed.ratio, timed.rival_s, timed.rounds) == pytest.approx((0.5, 0.043, LEAST_ROUNDS))


def test_what_is_not_goes_on_alone(play):
    script = play(1e-3)
    steady, restless = time_beside([STEADY, RESTLESS], RIVAL, Settings())
    assert rounds_of(script) == [[0, 1]] * LEAST_ROUNDS + [[1]] * (MOST_ROUNDS - LEAST_ROUNDS)
    assert (steady.rounds, restless.rounds) == (LEAST_ROUNDS, MOST_ROUNDS)
    assert half_of(restless) > NARROW
    assert restless.interval[0] < 2.0 < restless.interval[1]


@pytest.mark.parametrize("networks", [1, 2])
def test_no_round_begins_that_would_end_after_what_a_network_may_take(play, networks):
    script = play(networks * MOST_S / (LEAST_ROUNDS + 1.5))
    (unsure, *_) = time_beside([UNSURE, STEADY][:networks], RIVAL, Settings())
    assert len(script.asked[0]) == LEAST_ROUNDS + 1
    assert NARROW < half_of(unsure) < WIDE


def test_what_is_hardly_known_may_take_as_long_again(play):
    script = play(MOST_S / 2.5)  # five rounds in what two networks may take, and two in the rest
    _, restless = time_beside([UNSURE, RESTLESS], RIVAL, Settings())
    assert rounds_of(script) == [[0, 1]] * 5 + [[1]] * 2
    assert half_of(restless) > WIDE


def test_the_fewest_rounds_are_spent_however_long_they_take(play):
    script = play(2 * MOST_S)
    time_beside([RESTLESS], RIVAL, Settings())
    assert len(script.asked[0]) == LEAST_ROUNDS


def test_the_rival_is_not_measured_beside_itself_where_there_are_others(play):
    script = play(1.0)
    rival, steady = time_beside([RIVAL, STEADY], RIVAL, Settings())
    assert rounds_of(script) == [[0]] * LEAST_ROUNDS
    assert (rival.ratio, rival.interval) == (1.0, None)
    assert (rival.rival_s, rival.rounds) == pytest.approx((0.043, LEAST_ROUNDS))
    assert steady.ratio == pytest.approx(0.5)


def test_alone_it_is_measured_by_itself(play):
    script = play(1.0)
    (rival,) = time_beside([RIVAL], RIVAL, Settings())
    assert script.asked[0] == [[(0,)]] * LEAST_ROUNDS
    assert (rival.ratio, rival.rival_s, rival.rounds) == pytest.approx((1.0, 0.043, LEAST_ROUNDS))
