"""A few of the kills of `kills.py`, which has all of them."""

import kills
import pytest


@pytest.mark.parametrize("command", ["report", "data-fetch", "predict-folder"])
def test_a_command_that_is_killed_leaves_what_is_whole_and_works_again(command):
    found = kills.kill_all([command], ["TERM", "KILL"], count=1)
    assert [wrong for tally in found.values() for wrong in tally.wrong] == []


def test_moments_are_spread_over_the_whole_duration():
    found = kills.moments(4, 8.0, seed="0")
    assert [int(moment // 2) for moment in found] == [0, 1, 2, 3]
    assert found == kills.moments(4, 8.0, seed="0")
