"""The table that samplers are compared on, and searches of it."""

import pytest

from segbench.search.pareto import hypervolume
from segbench.search.proposing import RandomProposer
from studies.replay_table import EPOCHS, Row, networks, read_table, write_table
from studies.samplers import ANCHOR_S, Course, Snapped, Table, proposer_of, reference_for, search
from studies.spark import PAPER, STUDY


def make_rows(count=40):
    """Return networks whose mIoU grows with their latency, and with the epochs."""
    found = []
    for number, values in enumerate(networks(count)):
        ratio = sum(layer.macs for layer in STUDY.layers(values, size=(64, 64), classes=12)) / 1e8
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
    assert len({str(STUDY.build(values)) for values in chosen}) == 160


def test_the_nearest_network_is_itself_until_it_was_tried():
    table = Table(make_rows())
    mine = table.rows[7]
    assert table.nearest(mine.values, set()) is mine
    assert table.nearest(mine.values, {7}) is not mine


@pytest.mark.parametrize("name", ["front", "random", "tpe"])
def test_a_search_of_the_table_spends_its_epochs_and_covers_what_it_trained(name):
    table = Table(make_rows())
    course = search(table, Snapped(table, proposer_of(name, table)), seed=1, budget=90, stops=True)
    assert course.epochs[-2] < 90 <= course.epochs[-1] < 90 + EPOCHS
    assert len({trial.model for trial in course.ended}) == len(course.ended)
    trained = [trial.seen.point for trial in course.ended if trial.seen.point]
    assert course.areas[-1] == pytest.approx(hypervolume(trained, reference_for(ANCHOR_S)))
    assert list(course.areas) == sorted(course.areas)


def test_a_search_that_stops_nothing_trains_the_whole_table():
    table = Table(make_rows(12))
    course = search(table, Snapped(table, RandomProposer(STUDY)), seed=0, budget=10**9, stops=False)
    assert course.epochs[-1] == 12 * EPOCHS
    assert course.areas[-1] == pytest.approx(hypervolume(table.points, reference_for(ANCHOR_S)))


def test_a_course_is_read_at_epochs_and_at_areas():
    course = Course((9, 18, 21), (1.0, 2.0, 2.0), ())
    assert [course.area_at(epochs) for epochs in (5, 9, 20, 100)] == [0.0, 1.0, 2.0, 2.0]
    assert course.epochs_to(1.5) == 18
    assert course.epochs_to(9.0) == float("inf")
