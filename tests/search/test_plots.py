"""What a person sees of a search, from five trials that can be worked out by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_up_results import make_search

from segbench.search.page import write_page
from segbench.search.panels import FRONT, STATES, errors_ms, floor
from segbench.search.plots import draw_search

SEARCH = make_search()


def plots_of(page):
    """Return the traces and the layout that the page gives to plotly."""
    text = page.read_text()
    start = text.index("[", text.rindex("Plotly.newPlot("))
    traces, end = json.JSONDecoder().raw_decode(text[start:])
    layout, _ = json.JSONDecoder().raw_decode(text[text.index("{", start + end) :])
    return traces, layout


def test_an_interval_reaches_as_far_as_that_of_the_ratio():
    trial = SEARCH.front[0]  # 20 ms, 0.5 times the reference model (0.49 to 0.51)
    below, above = errors_ms([trial])
    assert below == [pytest.approx(0.4)]
    assert above == [pytest.approx(0.4)]
    assert errors_ms([replace(trial, ratio_ci95=None)]) == ([0.0], [0.0])


def with_stopped_at(miou):
    """Return the search, whose trials of 0.5, 0.4 and 0.55 were trained, with one stopped."""
    trials = [replace(trial, miou=miou) if trial.number == 3 else trial for trial in SEARCH.trials]
    return replace(SEARCH, trials=tuple(trials))


def test_a_picture_begins_a_third_of_what_was_trained_below_it_where_something_is_farther_below():
    assert floor(SEARCH) == pytest.approx(0.4 - 0.35 * 0.15)
    assert floor(with_stopped_at(0.39)) is None
    assert floor(replace(SEARCH, trials=SEARCH.trials[3:])) is None  # none was trained
    assert floor(replace(SEARCH, trials=(SEARCH.trials[0], SEARCH.trials[3]))) is None  # only one


def rows_of(path, color):
    """Return the rows of the left panel's picture that have a color; text has less of any."""
    from PIL import Image

    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))[:, : picture.width // 3]
    wanted = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
    return np.flatnonzero((pixels == wanted).all(axis=2).sum(axis=1) >= 3)


def test_what_is_far_below_is_pointed_to_at_the_edge_and_the_front_has_the_height(tmp_path):
    picture = tmp_path / "front.png"
    draw_search(picture, with_stopped_at(0.01))
    front = np.ptp(rows_of(picture, FRONT))
    edge = rows_of(picture, STATES["stopped"]).max()
    draw_search(picture, with_stopped_at(0.02))
    assert rows_of(picture, STATES["stopped"]).max() == edge
    draw_search(picture, with_stopped_at(0.39))
    assert rows_of(picture, STATES["stopped"]).max() < edge
    assert np.ptp(rows_of(picture, FRONT)) < 1.5 * front


@pytest.mark.parametrize("importances", [SEARCH.importances, {}], ids=["known", "too few trials"])
def test_a_picture_has_a_panel_for_what_is_known(tmp_path, importances):
    from PIL import Image

    draw_search(tmp_path / "front.png", replace(SEARCH, importances=importances))
    with Image.open(tmp_path / "front.png") as picture:
        width, height = picture.size
    assert width / height == pytest.approx((3 if importances else 2) * 5.5 / 4.4, rel=0.01)


def test_the_page_has_every_trial_the_front_in_steps_and_the_reference_model(tmp_path):
    assert write_page(tmp_path / "front.html", SEARCH)
    traces, layout = plots_of(tmp_path / "front.html")
    by_name = {trace["name"]: trace for trace in traces if "name" in trace}
    front = by_name["front (2)"]
    assert front["x"] == [1e3 * trial.latency_s for trial in SEARCH.front]
    assert front["text"] == [str(trial.number) for trial in SEARCH.front]
    assert front["line"]["shape"] == "hv"
    assert front["error_x"]["array"][0] == pytest.approx(0.4)
    assert SEARCH.front[0].model.split(",")[0] in front["hovertext"][0]
    assert by_name["trained (3)"]["y"] == [trial.miou for trial in SEARCH.trials[:3]]
    assert by_name["stopped (1)"]["x"] == [1e3 * SEARCH.trials[3].latency_s]
    assert by_name[SEARCH.rival]["y"] == [SEARCH.trials[0].miou]
    assert layout["shapes"][0]["x0"] == 1e3 * SEARCH.budget_s


@pytest.mark.parametrize("importances", [SEARCH.importances, {}], ids=["known", "too few trials"])
def test_how_the_front_grew_has_the_width_that_importances_leave(tmp_path, importances):
    write_page(tmp_path / "front.html", replace(SEARCH, importances=importances))
    traces, layout = plots_of(tmp_path / "front.html")
    assert ("bar" in {trace["type"] for trace in traces}) == bool(importances)
    assert (layout["xaxis2"]["domain"] == [0.0, 1.0]) != bool(importances)
