"""Fronts, ranks and areas, against definitions that are followed point by point."""

# ruff: noqa: S311 - orders and choices are no secrets

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.results.pareto import contributions, dominates, front, hypervolume, ranks

coordinate = st.integers(0, 6).map(float)
points = st.lists(st.tuples(coordinate, coordinate), max_size=12)
REFERENCE = (5.0, 1.0)


@given(points)
def test_the_front_is_what_nothing_dominates(given_points):
    expected = {
        at
        for at, point in enumerate(given_points)
        if not any(dominates(other, point) for other in given_points)
    }
    found = front(given_points)
    assert set(found) == expected
    assert len(found) == len(expected)
    assert [given_points[at] for at in found] == sorted(given_points[at] for at in found)


@given(points)
def test_a_rank_is_one_more_than_the_highest_of_those_that_dominate(given_points):
    found = ranks(given_points)
    for at, point in enumerate(given_points):
        above = [found[i] for i, other in enumerate(given_points) if dominates(other, point)]
        assert found[at] == (max(above) + 1 if above else 0)


@given(points)
def test_the_hypervolume_is_the_cells_that_a_point_is_no_worse_than(given_points):
    # Coordinates are whole numbers; so cells of one by one are covered as a whole or not at all.
    cells = sum(
        any(latency <= column and miou >= row + 1 for latency, miou in given_points)
        for column in range(int(REFERENCE[0]))
        for row in range(int(REFERENCE[1]), 6)
    )
    assert hypervolume(given_points, REFERENCE) == cells


@given(points)
def test_a_contribution_is_the_area_that_is_lost_without_the_point(given_points):
    whole = hypervolume(given_points, REFERENCE)
    for at, share in enumerate(contributions(given_points, REFERENCE)):
        rest = given_points[:at] + given_points[at + 1 :]
        assert share == whole - hypervolume(rest, REFERENCE)


def test_the_order_of_points_changes_no_area():
    rng = random.Random(0)
    many = [(rng.uniform(0, 5), rng.uniform(1, 6)) for _ in range(50)]
    shuffled = rng.sample(many, len(many))
    assert hypervolume(shuffled, REFERENCE) == pytest.approx(hypervolume(many, REFERENCE))
