"""Learning-curve model: the final mIoU of networks that wait at a rung."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_searches import SPACE, trials_of

from segbench.search.learning_curves import MIN_NETWORKS, GainModel, LearningCurveModel


def cut(seen, rung):
    """Return a network as it was when it waited at a rung."""
    rungs = {epochs: miou for epochs, miou in seen.rungs.items() if epochs <= rung}
    return replace(seen, state="waiting", rungs=rungs)


@pytest.mark.parametrize("rung", [1, 3])
def test_the_end_is_foretold_more_closely_than_by_the_mean_gain(rung):
    seen = trials_of(60, seed=1)
    known, unknown = seen[:30], seen[30:]
    waiting = [cut(each, rung) for each in unknown]
    mean, deviation = LearningCurveModel.fit(SPACE, [*known, *waiting]).predict(waiting)
    truth = np.array([each.miou for each in unknown])
    gains = [each.miou - each.rungs[rung] for each in known]
    plain = np.array([each.rungs[rung] for each in unknown]) + np.mean(gains)
    assert np.abs(mean - truth).mean() < 0.5 * np.abs(plain - truth).mean()
    assert (np.abs(mean - truth) < 3 * deviation).all()


def test_what_was_trained_to_the_end_is_known():
    seen = trials_of(10, seed=2)
    mean, deviation = LearningCurveModel.fit(SPACE, seen).predict(seen)
    assert mean.tolist() == [each.miou for each in seen]
    assert not deviation.any()


def test_a_network_is_less_sure_the_farther_it_is_from_its_end():
    seen = trials_of(30, seed=3)
    waiting = [cut(seen[0], 1), cut(seen[0], 3), seen[0]]
    _, deviation = LearningCurveModel.fit(SPACE, seen[1:]).predict(waiting)
    assert list(deviation) == sorted(deviation, reverse=True)
    assert len(set(deviation)) == 3


def test_of_few_the_mean_gain_is_all_there_is_and_how_far_off_it_is_is_not_known():
    seen = trials_of(MIN_NETWORKS - 1, seed=4)
    mine = cut(trials_of(9, seed=5)[8], 3)
    mean, deviation = LearningCurveModel.fit(SPACE, seen).predict([mine])
    gained = np.mean([each.rungs[9] - each.rungs[3] for each in seen])
    assert mean[0] == pytest.approx(mine.rungs[3] + gained)
    assert deviation[0] == np.inf
    mean, deviation = LearningCurveModel.fit(SPACE, [mine]).predict([mine])
    assert (mean[0], deviation[0]) == (mine.rungs[3], 0.0)  # that there are more is not known


def test_networks_that_never_came_farther_teach_the_step_that_they_made():
    seen = trials_of(20, seed=6, stopped=19)  # nineteen went from the first to the second rung
    model = LearningCurveModel.fit(SPACE, seen)
    assert np.isfinite(model.gains[1].deviation)
    assert model.gains[3].deviation == np.inf


def test_the_deviation_is_what_networks_left_out_are_off_by():
    """Against each of them left out in turn, and learnt without."""
    rng = np.random.default_rng(0)
    places = rng.normal(size=(40, 6))
    gains = 0.2 + places @ np.array([-0.05, 0.02, 0, 0, 0.01, 0]) + rng.normal(0, 0.03, 40)
    whole = GainModel.fit(places, gains)
    off = []
    for at in range(40):
        others = np.arange(40) != at
        off.append(gains[at] - GainModel.fit(places[others], gains[others])(places[[at]])[0])
    assert whole.deviation == pytest.approx(np.sqrt(np.mean(np.square(off))), rel=0.08)
