"""Local evaluator: its worker dies, its data go, its folders are half made."""

import os
import shutil
import signal
import sys
from dataclasses import replace
from functools import partial

import psutil
import pytest

from segbench.errors import MeasurementError, UsageError
from segbench.measurement.settings import Settings
from segbench.search.evaluator import LocalEvaluator
from segbench.search.latency import time_beside
from segbench.search.layer_costs import conv
from segbench.search.space import Study, Width
from segbench.search.trial import LatencyRatio
from segbench.training.config import Job
from zoo.spec import ModelSpec

STUDY = Study(
    name="one",
    summary="",
    dimensions=(Width("wide", 8, 16),),
    build=lambda values: ModelSpec(
        "segfast", {"expand1": values["wide"], "expand3": 8, "squeeze": 8, "stem_width": 8}
    ),
    layers=lambda values, **_: [conv(8, values["wide"], 100)],
    first=({"wide": 8},),
)


@pytest.fixture
def evaluator(rooms, tmp_path):
    job = Job(model="segfast", dataset=str(rooms), size=(24, 32), batch=5, epochs=4)
    local = LocalEvaluator(
        STUDY,
        Settings.of(size=(24, 32)),
        job,
        tmp_path / "search",
        trials=3,
        cache=tmp_path / "cache",
    )
    (tmp_path / "search").mkdir()
    yield local
    local.close()


def kill_worker(evaluator):
    os.kill(evaluator._training_worker.pid, signal.SIGKILL)


@pytest.mark.usefixtures("forked")
def test_a_worker_that_is_killed_fails_the_trial_and_the_next_gets_another(evaluator):
    evaluator.on_epoch = lambda _number, epochs, _miou: epochs == 2 and kill_worker(evaluator)
    with pytest.raises(MeasurementError, match="was killed by SIGKILL"):
        evaluator.train(0, {"wide": 16}, until=4)
    evaluator.on_epoch = lambda *_: None
    resumed = evaluator.train(0, {"wide": 16}, until=4)
    assert resumed == evaluator.train(1, {"wide": 16}, until=4)  # which nothing disturbed
    history = [
        (evaluator.folder / "trials" / f"000{number}" / "history.csv").read_text()
        for number in (0, 1)
    ]
    assert history[0] == history[1]


@pytest.mark.usefixtures("forked")
def test_a_rung_goes_on_from_the_one_before_and_tells_the_best_by_then(evaluator):
    told = []
    evaluator.on_epoch = lambda *told_now: told.append(told_now)
    first = evaluator.train(0, {"wide": 8}, until=1)
    second = evaluator.train(0, {"wide": 8}, until=3)
    assert [(number, epochs) for number, epochs, _ in told] == [(0, 1), (0, 2), (0, 3)]
    assert first == told[0][2]
    assert second == told[-1][2] >= first


@pytest.mark.usefixtures("forked")
def test_data_that_are_gone_end_the_search_with_one_line(evaluator, rooms):
    evaluator.cache = None  # what was decoded before is of no use
    shutil.rmtree(rooms)
    with pytest.raises(UsageError) as caught:
        evaluator.train(0, {"wide": 8}, until=1)
    assert "\n" not in str(caught.value)
    assert "rooms" in str(caught.value)


@pytest.mark.usefixtures("forked")
def test_a_folder_that_a_kill_left_empty_is_begun_anew(evaluator):
    (evaluator.folder / "trials" / "0000").mkdir(parents=True)
    partial = evaluator.folder / "trials" / "0000" / ".segbench-00ff00ff00ff00ff.part"
    partial.write_text("{")
    assert 0 < evaluator.train(0, {"wide": 8}, until=1) < 1
    assert not partial.exists()


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_a_network_that_cannot_be_built_fails_alone(evaluator):
    evaluator.study = replace(
        STUDY, build=lambda values: ModelSpec("segfast", {"expand1": -int(values["wide"])})
    )
    with pytest.raises(MeasurementError, match="expand1"):
        evaluator.time({"wide": 8})


@pytest.fixture
def asked(evaluator, monkeypatch):
    """Return the widths that were measured together, each time; that of 32 cannot be."""
    found = []

    def time_beside(specs, reference, _settings, **_):
        widths = [spec.options["expand1"] for spec in specs]
        found.append(widths)
        if 32 in widths:
            raise MeasurementError("it died")
        return [LatencyRatio(wide / reference.options["expand1"], None, 1.0, 3) for wide in widths]

    monkeypatch.setattr("segbench.search.evaluator.time_beside", time_beside)
    evaluator.study = replace(
        STUDY,
        dimensions=(Width("wide", 8, 40),),
        first=tuple({"wide": wide} for wide in (8, 16, 24)),
    )
    return found


@pytest.mark.usefixtures("forked")
def test_the_networks_that_a_study_begins_with_are_measured_together(evaluator, asked):
    ratios = [evaluator.time({"wide": wide}).ratio for wide in (8, 16, 40, 24)]
    assert ratios == [1.0, 2.0, 5.0, 3.0]
    assert asked == [[8, 16, 24], [40]]
    evaluator.time({"wide": 16})  # as after a search was gone on with
    assert asked[2:] == [[16, 24]]


@pytest.mark.usefixtures("forked")
def test_no_more_of_them_are_measured_than_there_are_trials(evaluator, asked):
    evaluator.trials = 2
    for wide in (8, 16, 24):  # the last when the search was gone on with
        evaluator.time({"wide": wide})
    assert asked == [[8, 16], [24]]


@pytest.mark.usefixtures("forked")
def test_one_of_them_that_dies_takes_no_other_along(evaluator, asked):
    first = tuple({"wide": wide} for wide in (8, 32, 24))
    evaluator.study = replace(evaluator.study, first=first)
    assert evaluator.time({"wide": 8}).ratio == 1.0
    with pytest.raises(MeasurementError, match="it died"):
        evaluator.time({"wide": 32})
    assert evaluator.time({"wide": 24}).ratio == 3.0
    assert asked == [[8, 32, 24], [8], [32, 24], [32], [24]]


@pytest.mark.measures
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked")
def test_all_measurements_share_what_processes_are_forked_from_and_get_over_its_death(
    evaluator, monkeypatch
):
    one_round = partial(time_beside, min_rounds=1, max_rounds=1)
    monkeypatch.setattr("segbench.search.evaluator.time_beside", one_round)

    def servers():
        return {child.pid for child in psutil.Process().children()} - before

    before = {child.pid for child in psutil.Process().children()}
    evaluator.time({"wide": 16})
    first = servers()
    evaluator.time({"wide": 8})
    assert servers() == first
    (server,) = first
    os.kill(server, signal.SIGKILL)
    with pytest.raises(MeasurementError, match="was killed by SIGKILL"):
        evaluator.time({"wide": 16})
    assert evaluator.time({"wide": 16}).ratio > 0
    assert not servers() & first
    evaluator.close()
    assert not servers()
