"""``segbench compress``: from a run to a smaller one, gone on with after a stop, and refused."""

import json

import pytest

from segbench.compression.compress import CompressionJob, PruneGoal, compress
from segbench.errors import MeasurementError, UsageError
from segbench.results.candidate import RuntimeSpec
from segbench.results.store import load, save
from segbench.training.config import Job
from segbench.training.run import train
from segbench.training.summary import read_history
from segbench.training.trained import load_network


@pytest.fixture
def parent(rooms, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBENCH_CACHE", str(tmp_path / "cache"))
    job = Job(
        model="nets_to_train:Wide", dataset=str(rooms), size=(24, 32), epochs=3, batch=4,
        recipe="modern",
    )  # fmt: skip
    return train(job, tmp_path / "parent").path


def make_job(parent, text="50%", **changes):
    fields = {
        "run": str(parent),
        "prune": text,
        "runtime": RuntimeSpec("eager"),
        "epochs": 2,
        "threads": 1,
        "max_time_s": 1.0,
    }
    return CompressionJob(**(fields | changes))


@pytest.mark.measures
def test_a_run_becomes_a_smaller_run_that_is_measured_beside_it(parent, tmp_path):
    found = compress(make_job(parent), tmp_path / "out")
    save(found, tmp_path / "out.json")
    assert load(tmp_path / "out.json") == found
    before, after = found.stages
    assert (before.step, after.step) == (None, "prune")
    assert after.model == "nets_to_train:Wide,classes=2,width=0.5"
    # stem with its norm, depthwise with its norm, pointwise, head
    assert [stage.params for stage in found.stages] == [
        wide * (28 + 2) + wide * (9 + 2) + wide * (wide + 1) + 2 * (wide + 1) for wide in (32, 16)
    ]
    assert after.ratio == pytest.approx(after.latency_s / before.latency_s, rel=0.5)
    assert set(before.miou) == set(after.miou) == {"val"}
    run = tmp_path / "out" / "prune" / "run"
    about = json.loads((run / "run.json").read_text())
    assert about["recipe"]["distill"] == 1.0
    [teacher] = about["teachers"]
    assert teacher["weights"] == str(parent / "best.safetensors")
    assert about["start"]["drawn"] == []
    network, _ = load_network(run / "best.safetensors")
    assert network.stem[0].out_channels == 16


def test_one_that_was_stopped_goes_on_as_if_it_had_not(parent, tmp_path, monkeypatch):
    monkeypatch.setattr("segbench.compression.compress._measure", lambda *_: None)
    compress(make_job(parent), tmp_path / "whole")

    def stop(epoch, done, *_):
        if (epoch, done) == (2, 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compress(make_job(parent), tmp_path / "stopped", on_batch=stop)
    compress(make_job(parent), tmp_path / "stopped", resume=True)
    histories = [
        [(each.loss, each.miou) for each in read_history(tmp_path / name / "prune/run/history.csv")]
        for name in ("whole", "stopped")
    ]
    assert histories[0] == histories[1]
    starts = [
        (tmp_path / name / "prune/start.safetensors").read_bytes() for name in ("whole", "stopped")
    ]
    assert starts[0] == starts[1]


def test_it_does_not_go_on_with_another_job(parent, tmp_path, monkeypatch):
    monkeypatch.setattr("segbench.compression.compress._measure", lambda *_: None)
    with pytest.raises(UsageError, match="holds no compression to go on with"):
        compress(make_job(parent), tmp_path / "out", resume=True)
    compress(make_job(parent), tmp_path / "out")
    with pytest.raises(UsageError, match="exists already; add --resume"):
        compress(make_job(parent), tmp_path / "out")
    with pytest.raises(UsageError, match="prune, epochs differ from what it was begun with"):
        compress(make_job(parent, "25%", epochs=3), tmp_path / "out", resume=True)


@pytest.mark.measures
def test_a_latency_that_no_share_reaches_is_told_with_the_nearest(parent, tmp_path):
    with pytest.raises(MeasurementError, match="in eager, and 0\\.0001 was asked"):
        compress(make_job(parent, "0.0001x"), tmp_path / "out")
    assert not (tmp_path / "out" / "prune").exists()


@pytest.mark.parametrize("text", ["0%", "100%", "1.5x", "0x", "half", "50", "-1%", ""])
def test_a_goal_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="write the channels that leave, such as 50%"):
        PruneGoal.parse(text)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"teachers": ("nothere",)}, "nothere"),
        ({"recipe": "nope"}, "unknown recipe 'nope'"),
        ({"dataset": "streets"}, "was trained on other classes than those of 'streets'"),
        ({"epochs": 0}, "epochs"),
        ({"runtime": RuntimeSpec("openvino", "int8")}, "which is enough to time it"),
        ({"runtime": RuntimeSpec.parse("eager,head=argmax-strided")}, "take head=argmax"),
    ],
)
def test_what_is_wrong_is_seen_before_anything_is_made(parent, tmp_path, changes, said):
    with pytest.raises(UsageError, match=said):
        compress(make_job(parent, **changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_network_that_cannot_be_pruned_leaves_no_folder(rooms, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBENCH_CACHE", str(tmp_path / "cache"))
    job = Job(model="nets_to_train:Small", dataset=str(rooms), size=(24, 32), epochs=1, batch=4)
    run = train(job, tmp_path / "small").path
    said = []
    with pytest.raises(UsageError, match="has no option for its width"):
        compress(make_job(run), tmp_path / "out", on_begin=said.append)
    assert not (tmp_path / "out").exists()
    [cost] = said
    assert cost.startswith("fine-tuning takes 2 epochs at most; those of the run took 0 s")
