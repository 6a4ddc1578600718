"""The sampler `front`: its expected gains against areas that are counted, and what it proposes."""

# ruff: noqa: S311 - orders and choices are no secrets

import math
import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_searches import SPACE, latency_of, trials_of

from segbench.results.pareto import hypervolume
from segbench.search.front_sampler import FrontSampler, expected_gains
from segbench.search.proposals import OPTUNA, OptunaSampler, RandomSampler
from segbench.search.surrogate import Surrogate

REFERENCE = (10.0, 0.0)
point = st.tuples(st.floats(0.5, 11), st.floats(0.05, 0.95))


@settings(deadline=None)  # the first example imports SciPy
@given(st.lists(point, max_size=8), point)
def test_the_gain_of_a_certain_network_is_the_area_it_adds(points, new):
    latency, miou = (np.array([figure]) for figure in new)
    [found] = expected_gains(points, REFERENCE, latency, miou, np.zeros(1))
    added = hypervolume([*points, new], REFERENCE) - hypervolume(points, REFERENCE)
    assert found == pytest.approx(added, abs=1e-9)


def test_the_expected_gain_is_the_mean_over_what_the_miou_may_be():
    points = [(1.0, 0.3), (3.0, 0.5), (6.0, 0.6)]
    rng = np.random.default_rng(0)
    draws = rng.normal(0.45, 0.1, 20_000)
    whole = hypervolume(points, REFERENCE)
    sampled = [hypervolume([*points, (2.0, miou)], REFERENCE) - whole for miou in draws[:4000]]
    [found] = expected_gains(points, REFERENCE, np.array([2.0]), np.array([0.45]), np.array([0.1]))
    assert found == pytest.approx(np.mean(sampled), rel=0.05)


def test_without_any_points_the_whole_area_is_gained():
    [found] = expected_gains([], REFERENCE, np.array([4.0]), np.array([0.5]), np.zeros(1))
    assert found == pytest.approx(6.0 * 0.5)


def test_a_surrogate_gives_back_what_it_saw_and_is_less_sure_of_the_rest():
    rng = np.random.default_rng(1)
    places = rng.random((40, 5))
    figures = places @ np.array([1.0, -2.0, 0.5, 0.0, 0.0]) + 3
    surrogate = Surrogate.fit(places, figures)
    mean, deviation = surrogate.predict(places)
    assert np.abs(mean - figures).max() < 0.1
    unseen = rng.random((200, 5))
    mean, _ = surrogate.predict(unseen)
    true = unseen @ np.array([1.0, -2.0, 0.5, 0.0, 0.0]) + 3
    assert np.corrcoef(mean, true)[0, 1] > 0.95
    _, far = surrogate.predict(np.full((1, 5), 5.0))
    assert far[0] > 3 * deviation.max()


def test_a_surrogate_of_one_figure_and_of_equal_figures_is_that_figure():
    for figures in ([0.4], [0.4, 0.4, 0.4]):
        surrogate = Surrogate.fit(np.eye(3)[: len(figures)], np.array(figures))
        mean, _ = surrogate.predict(np.zeros((1, 3)))
        assert mean[0] == pytest.approx(0.4)


def samplers(budget_s=None):
    front = FrontSampler(SPACE, latency_of, (0.2, 0.0), budget_s=budget_s)
    return {
        "front": front,
        "random": RandomSampler(SPACE),
        **{name: OptunaSampler(SPACE, make) for name, make in OPTUNA.items()},
    }


@pytest.mark.parametrize("name", [name for name in samplers() if name != "gp"])
def test_a_proposal_follows_from_what_was_seen_and_the_seed_alone(name):
    seen = trials_of(30, seed=3)
    sampler = samplers()[name]
    first, again = (sampler.propose(seen, 5).values for _ in range(2))
    SPACE.check(first)
    assert first == again
    few = seen[:4]  # of more `front` proposes the best by whatever seed
    assert len({str(sampler.propose(few, seed).values) for seed in range(6, 12)}) > 1


def test_nothing_slower_than_the_budget_is_proposed_where_there_is_something_faster():
    budget_s = sorted(latency_of(SPACE.draw(random.Random(at))) for at in range(50))[10]
    sampler = samplers(budget_s)["front"]
    for seed in range(20):
        assert latency_of(sampler.propose(trials_of(30, seed=seed), seed).values) <= budget_s


def every_network():
    names = [dimension.name for dimension in SPACE.dimensions]
    choices = product(*(dimension.choices for dimension in SPACE.dimensions))
    return [dict(zip(names, chosen, strict=True)) for chosen in choices]


def test_most_proposals_are_the_best_that_there_is_in_the_whole_space():
    space = every_network()
    latencies = np.array([latency_of(values) for values in space])
    places = np.array([[*SPACE.place(values), math.log(latency_of(values))] for values in space])
    at = {str(values): position for position, values in enumerate(space)}
    reached = []
    for seed in range(9):
        seen = trials_of(30, seed=seed)
        tried = [at[str(each.values)] for each in seen]
        mious = np.array([each.miou for each in seen])
        mean, deviation = Surrogate.fit(places[tried], mious).predict(places)
        points = [each.point for each in seen]
        gains = expected_gains(points, (0.2, 0.0), latencies, mean, deviation)
        proposed = samplers()["front"].propose(seen, seed).values
        reached.append(gains[at[str(proposed)]] / gains.max())
    assert np.median(reached) > 0.98


def test_a_budget_that_none_of_the_front_keeps_is_come_under():
    budget_s = sorted(map(latency_of, every_network()))[30]
    for seed in range(9):
        seen = trials_of(30, seed=seed)
        assert min(each.latency_s for each in seen) > 1.2 * budget_s
        proposed = samplers(budget_s)["front"].propose(seen, seed).values
        assert latency_of(proposed) <= budget_s


def test_stopped_trials_are_learnt_from_with_what_those_that_went_on_gained():
    seen = trials_of(30, seed=3, stopped=20)
    found = samplers()["front"].propose(seen, 1).values
    SPACE.check(found)
    assert all(found != each.values for each in seen)
