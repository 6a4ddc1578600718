"""The table of metrics, read from a made-up profile."""

import json

import pytest
from made_up_results import make_profile

from segbench.errors import UsageError
from segbench.results.metrics import METRICS, find_metric, phase_of
from segbench.results.profile import PHASES, Latencies, Memory, Preparation
from segbench.results.store import to_json


def in_json(profile, name):
    found = json.loads(to_json(profile))
    for part in name.split("."):
        found = found[part]
    return found


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_reads_what_stands_in_the_json_under_its_name(name):
    profile = make_profile()
    assert METRICS[name].name == name
    assert METRICS[name].read(profile) == in_json(profile, name)
    assert METRICS[name].read(profile) > 0


def test_the_medians_are_those_of_their_phases():
    profile = make_profile()  # blocks of 40, 42, 44 and 46 ms, times 1, 2, 3 and 1/2
    found = [METRICS[f"latency.{phase}.p50_s"].read(profile) for phase in PHASES]
    assert found == pytest.approx([0.043, 0.086, 0.129, 0.0215])


def test_what_was_not_measured_is_none():
    profile = make_profile(
        latency=Latencies(), memory=Memory(None, None), preparation=Preparation(None, None)
    )
    unknown = {name for name, metric in METRICS.items() if metric.read(profile) is None}
    measured = ("latency.", "memory.", "preparation.")
    assert unknown == {name for name in METRICS if name.startswith(measured)}


def test_every_phase_has_one_metric():
    assert sorted(m.phase for m in METRICS.values() if m.phase) == sorted(PHASES)


def test_titles_are_unique():
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)


def test_less_of_every_cost_is_better():
    assert {metric.better for metric in METRICS.values()} == {"lower"}


def test_a_phase_is_found_by_its_name():
    latencies = make_profile().latency
    assert phase_of(latencies, "backward") is latencies.backward


def test_a_metric_that_is_not_there_is_refused_with_the_nearest():
    assert find_metric("params").title == "params"
    with pytest.raises(UsageError) as caught:
        find_metric("parms")
    assert str(caught.value) == (
        f"unknown metric 'parms'; did you mean 'params'? (metrics: {', '.join(METRICS)})"
    )
