"""Prediction of latencies: a law that is of the kind which the model can learn, and a noisy one."""

import json
from functools import partial

import numpy as np
import pytest

from segbench.errors import UsageError
from segbench.measurement.settings import Settings
from segbench.search.latency_model import LatencyModel
from segbench.search.layer_costs import KINDS, conv, elementwise, features, norm, up
from segbench.search.screening import draw_networks, ratio_model
from segbench.search.spaces.spark import PAPER, STUDY

LAYERS = partial(STUDY.layers, size=(224, 224), classes=12)
# Seconds for a million of each kind's MACs and values, of ragged values, and for each layer.
LAW = np.array([*np.linspace(1e-5, 2e-4, 2 * len(KINDS)), 4e-4, 1e-5])


def take(values):
    return float(np.dot(features(LAYERS(values)), LAW))


def test_a_law_that_follows_the_layers_is_learnt_from_a_few_dozen_networks():
    known, unseen = draw_networks(STUDY, 48, seed=0), draw_networks(STUDY, 30, seed=1)
    model = LatencyModel.fit(LAYERS, [(values, take(values)) for values in known])
    for values in [*unseen, PAPER]:
        assert model(values) == pytest.approx(take(values), rel=0.03)


def test_noise_of_a_few_per_cent_is_averaged_over():
    rng = np.random.default_rng(0)
    known, unseen = draw_networks(STUDY, 48, seed=0), draw_networks(STUDY, 30, seed=1)
    noisy = [(values, take(values) * float(np.exp(rng.normal(0, 0.03)))) for values in known]
    model = LatencyModel.fit(LAYERS, noisy)
    errors = [abs(model(values) / take(values) - 1) for values in unseen]
    assert np.mean(errors) < 0.03


def test_nothing_is_predicted_to_take_less_than_no_time():
    known = draw_networks(STUDY, 10, seed=0)
    model = LatencyModel.fit(LAYERS, [(values, 1.0) for values in known])
    assert (model.weights >= 0).all()
    assert all(model(values) > 0 for values in draw_networks(STUDY, 20, seed=2))


def test_networks_are_drawn_over_the_whole_range_of_costs():
    costs = [sum(layer.macs for layer in LAYERS(v)) for v in draw_networks(STUDY, 60, seed=0)]
    whole = sum(layer.macs for layer in LAYERS(PAPER))
    assert min(costs) < 0.3 * whole
    assert max(costs) > 2 * whole


@pytest.mark.parametrize(
    ("layer", "macs", "values"),
    [
        (conv(16, 64, 100), 16 * 64 * 100, 100 * (16 + 64) + 16 * 64),
        (conv(16, 32, 100, kernel=3), 16 * 32 * 9 * 100, 100 * 48 + 16 * 32 * 9),
        (conv(16, 16, 100, kernel=3, groups=16), 16 * 9 * 100, 100 * 32 + 16 * 9),
        (conv(3, 8, 25, kernel=3, entering=100), 3 * 8 * 9 * 25, 300 + 200 + 216),
        (up(16, 8, 100), 16 * 8 * 4 * 100, 1600 + 3200 + 512),
        (up(16, 16, 100, groups=16), 16 * 4 * 100, 1600 + 6400 + 64),
        (norm(16, 100), 0, 3200),
        (elementwise(10, 20), 0, 30),
    ],
)
def test_what_a_layer_does_is_counted_by_hand(layer, macs, values):
    assert (layer.macs, layer.values) == (macs, values)


@pytest.mark.parametrize(
    ("layer", "ragged"),
    [
        (conv(16, 64, 100), 0),
        (conv(24, 64, 100), 24 * 100 + 24 * 64),
        (conv(16, 40, 100, kernel=3), 40 * 100 + 16 * 40 * 9),
        (conv(8, 8, 100, kernel=3, groups=8), 2 * 8 * 100 + 8 * 9),
        (up(24, 24, 100, groups=24), 24 * 100 + 24 * 400 + 24 * 4),
        (norm(24, 100), 0),
        (elementwise(10, 20), 0),
    ],
)
def test_only_tensors_of_a_convolution_that_leave_a_pack_of_sixteen_unfilled_are_ragged(
    layer, ragged
):
    assert layer.ragged == ragged


def test_what_was_timed_once_is_read_again(tmp_path):
    kept = tmp_path / "ratios.json"
    known = [(values, take(values)) for values in draw_networks(STUDY, 40, seed=0)]
    kept.write_text(json.dumps(known))
    model = ratio_model(
        STUDY,
        Settings(),
        classes=12,
        kept=kept,
        progress=lambda *_: pytest.fail("measured"),
        trials=60,
    )
    assert model(PAPER) == pytest.approx(take(PAPER), rel=0.05)


def test_what_was_measured_anyway_is_learnt_from_too(tmp_path):
    kept = tmp_path / "ratios.json"
    known = [(values, take(values)) for values in draw_networks(STUDY, 40, seed=0)]
    kept.write_text(json.dumps(known[:8]))
    unseen = draw_networks(STUDY, 30, seed=1)

    def error(measured):
        model = ratio_model(
            STUDY, Settings(), classes=12, kept=kept, progress=print, trials=60, measured=measured
        )
        return np.mean([abs(model(values) / take(values) - 1) for values in unseen])

    assert error(known[8:]) < 0.5 * error([])


@pytest.mark.parametrize(
    ("trials", "measured", "timed"), [(3, 0, 8), (20, 0, 20), (20, 7, 13), (500, 7, 25)]
)
def test_few_trials_are_screened_by_few_timings(tmp_path, monkeypatch, trials, measured, timed):
    def time_networks(_study, networks, _settings, **_):
        return [(values, take(values)) for values in networks]

    monkeypatch.setattr("segbench.search.screening.time_networks", time_networks)
    kept = tmp_path / "ratios.json"
    known = [(values, take(values)) for values in draw_networks(STUDY, measured, seed=1)]
    ratio_model(
        STUDY, Settings(), classes=12, kept=kept, progress=print, trials=trials, measured=known
    )
    assert len(json.loads(kept.read_text())) == timed


@pytest.mark.parametrize("text", ["", "[[1]]", '[[{"stem": 9}, 1.0]]', '{"a": 1}', "[1, 2"])
def test_what_was_kept_and_is_damaged_is_one_line(tmp_path, text):
    kept = tmp_path / "ratios.json"
    kept.write_text(text)
    with pytest.raises(UsageError, match="remove it, and the networks are timed again") as caught:
        ratio_model(STUDY, Settings(), classes=12, kept=kept, progress=lambda *_: None, trials=60)
    assert "\n" not in str(caught.value)
