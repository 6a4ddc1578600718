"""A machine of two speeds, from rounds that are made up."""

import pytest
from made_up_results import make_comparison, make_latency, make_profile

from segbench.results.profile import Latencies
from segbench.results.report import render
from segbench.results.speeds import find_speeds, ratio_at

FAST, SLOW = [40, 41], [56, 55]
# Rounds 0-3 and 7 at one speed, 4-6 at the other.
TWO = [FAST] * 4 + [SLOW] * 3 + [FAST]


def test_rounds_are_told_apart_by_a_gap_that_none_is_in():
    speeds = find_speeds(make_latency(TWO))
    assert speeds.fast == (0, 1, 2, 3, 7)
    assert speeds.slow == (4, 5, 6)
    assert (speeds.fast_s, speeds.slow_s) == (pytest.approx(0.0405), pytest.approx(0.0555))


@pytest.mark.parametrize(
    "rounds",
    [
        [FAST] * 8,
        [FAST] * 4 + [SLOW] * 2,  # two rounds may be chance
        [[40], [42], [44], [46], [48], [50], [52], [54]],  # it drifts, and has no two speeds
        [FAST],
    ],
)
def test_a_machine_that_drifts_or_stumbles_has_one_speed(rounds):
    assert find_speeds(make_latency(rounds)) is None


def test_a_network_that_was_not_timed_shows_no_speed():
    assert find_speeds(None) is None


def test_the_ratio_of_either_speed_is_that_of_its_rounds_alone():
    baseline = make_latency(TWO)
    candidate = make_latency([[80, 82]] * 4 + [[84, 82.5]] * 3 + [[80, 82]])
    speeds = find_speeds(baseline)
    assert ratio_at(candidate, baseline, speeds.fast) == pytest.approx(2.0)
    assert ratio_at(candidate, baseline, speeds.slow) == pytest.approx(1.5)


def test_a_comparison_says_so_and_gives_both_ratios():
    baseline = make_profile(latency=Latencies(forward=make_latency(TWO)))
    other = [[80, 82]] * 4 + [[84, 82.5]] * 3 + [[80, 82]]
    candidate = make_profile("segnet", latency=Latencies(forward=make_latency(other)))
    text = " ".join(render(make_comparison(profiles=(candidate, baseline)), "markdown").split())
    assert (
        "this machine had two speeds: segfast took 40.5 ms in 5 rounds and 55.5 ms in 3; ratios "
        "to it were segnet 2.00x and 1.50x"
    ) in text
    assert "two speeds" not in render(make_comparison(), "markdown")
