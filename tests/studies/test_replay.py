"""The table that samplers are compared on, and searches of it."""

import numpy as np
import pytest

from segbench.results.pareto import hypervolume
from segbench.search.proposals import RandomSampler
from segbench.search.spaces.spark import PAPER
from studies.replay_law import Law, Ridge, luck_of
from studies.replay_table import EPOCHS, SPACE, Row, networks, read_table, write_table
from studies.samplers import REFERENCE, Course, Snapped, Table, compare, sampler_of, search


def make_rows(count=40):
    """Return networks whose mIoU grows with their latency, and with the epochs."""
    found = []
    for number, values in enumerate(networks(count)):
        ratio = sum(layer.macs for layer in SPACE.layers(values, size=(64, 64), classes=12)) / 1e8
        top = 0.2 + 0.1 * ratio / (1 + ratio) + 0.001 * (number % 7)
        found.append(Row(values, ratio, tuple(top * e / (e + 2) for e in range(1, EPOCHS + 1))))
    return found


def test_a_table_is_read_back_as_it_was_written():
    rows = make_rows(5)
    for row, again in zip(rows, read_table(write_table(rows)), strict=True):
        assert again.values == row.values
        assert again.ratio == pytest.approx(row.ratio, abs=1e-4)
        assert again.best == pytest.approx(row.best, abs=1e-4)


def test_the_networks_begin_with_those_of_the_study_and_are_all_others():
    chosen = networks(160)
    assert chosen[0] == PAPER
    assert len({str(SPACE.build(values)) for values in chosen}) == 160


def test_the_nearest_network_is_itself_until_it_was_tried():
    table = Table(make_rows())
    mine = table.rows[7]
    assert table.nearest(mine.values, set()) is mine
    assert table.nearest(mine.values, {7}) is not mine


@pytest.mark.parametrize("name", ["front", "random", "tpe"])
def test_a_search_of_the_table_spends_its_epochs_and_covers_what_it_trained(name):
    table = Table(make_rows())
    sampler = Snapped(table, sampler_of(name, table))
    course = search(table.study, table, sampler, seed=1, budget=90, trials=40, stops=True)
    assert course.epochs[-2] < 90 <= course.epochs[-1] < 90 + EPOCHS
    assert len({trial.model for trial in course.trials}) == len(course.trials)
    trained = [trial.point for trial in course.trials if trial.point]
    assert course.areas[-1] == pytest.approx(hypervolume(trained, REFERENCE))
    assert list(course.areas) == sorted(course.areas)


def test_a_search_that_stops_nothing_trains_the_whole_table():
    table = Table(make_rows(12))
    sampler = Snapped(table, RandomSampler(SPACE))
    course = search(table.study, table, sampler, seed=0, budget=10**9, trials=12, stops=False)
    assert course.epochs[-1] == 12 * EPOCHS
    assert course.areas[-1] == pytest.approx(hypervolume(table.points, REFERENCE))


def test_a_course_is_read_at_epochs_and_at_areas():
    course = Course((9, 18, 21), (1.0, 2.0, 2.0), ())
    assert [course.area_at(epochs) for epochs in (5, 9, 20, 100)] == [0.0, 1.0, 2.0, 2.0]
    assert course.epochs_to(1.5) == 18
    assert course.epochs_to(9.0) == float("inf")


def test_a_comparison_gives_the_epochs_to_the_best_other_samplers_median():
    courses = {
        "front": [Course((9, 18), (3.0, 5.0), ())] * 2,
        "random": [Course((9, 18), (1.0, 2.0), ())] * 2,
        "tpe": [Course((9, 18), (1.0, 4.0), ())] * 2,
    }
    rows = [line.split(" | ") for line in compare(courses, budget=18)[2:]]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("| front", "5.0000", "18 of 18 |"),
        ("| random", "2.0000", "never of 18 |"),
        ("| tpe", "4.0000", "18 of 18 |"),
    ]


def test_a_ridge_finds_a_linear_law_and_says_how_far_off_it_is_on_what_it_has_not_seen():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(60, 5))
    truth = places @ np.array([1.0, -2.0, 0.0, 0.5, 0.0]) + 3.0
    seen = truth + 0.1 * rng.normal(size=60)
    ridge = Ridge.fit(places, seen)
    assert 0.08 < ridge.spread < 0.13
    others = rng.normal(size=(40, 5))
    mine = np.array([ridge(place) for place in others])
    assert np.abs(mine - (others @ np.array([1.0, -2.0, 0.0, 0.5, 0.0]) + 3.0)).max() < 0.2
    without = Ridge.fit(places[1:], seen[1:])
    assert ridge.foretold[0] == pytest.approx(without(places[0]), abs=0.02)


def test_by_the_law_every_network_can_be_had_and_has_its_own_luck():
    law = Law.fit(make_rows(60))
    wide, narrow = PAPER, SPACE.first[-1]
    assert law.time(narrow).ratio < law.time(wide).ratio
    assert law.train(0, wide, until=9) > law.train(0, wide, until=1)
    assert law.train(0, wide, until=9) == law.train(5, wide, until=9)
    lucks = [luck_of(values) for values in networks(200)]
    assert len(set(lucks)) == 200
    assert abs(np.mean(lucks)) < 0.25
    assert 0.85 < np.std(lucks) < 1.15
