"""The study that writes how accurate trained networks are."""

import sys

import pytest

from segbench.errors import UsageError
from segbench.results.accuracy import read_accuracies
from segbench.training.config import Job
from segbench.training.history import best_of
from segbench.training.run import train
from segbench.training.summary import read_history, read_speeds
from studies import accuracy


@pytest.fixture
def runs(rooms, tmp_path, monkeypatch):
    """Train two tiny networks on the rooms, one of them not to its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGBENCH_CACHE", str(tmp_path / "cache"))
    (rooms / "val").rename(rooms / "test")
    (rooms / "val").symlink_to(rooms / "train")

    def train_one(name, until, **changes):
        def stop(number, *_):
            if number > until:
                raise KeyboardInterrupt

        fields = {"model": "nets_to_train:WithHeads", "size": (24, 32), "epochs": 3, "batch": 4}
        job = Job(dataset=str(rooms), **(fields | changes))
        return train(job, tmp_path / "runs" / name, on_batch=stop).path

    train_one("whole", 3, recipe="paper+lr=2e-3", protocol="void-as-class", seed=5)
    with pytest.raises(KeyboardInterrupt):
        train_one("begun", 1)
    return tmp_path / "runs"


def test_the_figures_of_a_run_are_those_of_its_best_epoch(runs):
    val, test = accuracy.figures_of(runs / "whole")
    history = read_history(runs / "whole" / "history.csv")
    best = best_of(history)
    assert (val.split, test.split) == ("val", "test")
    assert val.qualities["void-as-class"].miou == pytest.approx(best.miou, abs=1e-6)
    assert val.qualities["void-as-class"].pixel_accuracy == pytest.approx(best.pixel_accuracy)
    assert val.qualities["strict"].miou != test.qualities["strict"].miou
    for row in (val, test):
        assert (row.network, row.dataset) == ("nets_to_train:WithHeads", "rooms")
        assert row.classes == ("floor", "wall")
        assert (row.recipe, row.rate, row.seed) == ("paper+lr=2e-3", 2e-3, 5)
        assert (row.tuned_on, row.pretrained, row.auxiliary) == ("segfast", None, True)
        assert (row.epochs, row.best_epoch, row.chosen_by) == (3, best.epoch, "void-as-class")
        assert (row.runtime, row.precision) == ("eager", "fp32")
        seconds = [
            each.train_s + each.validation_s for each in read_speeds(runs / "whole/speed.csv")
        ]
        assert row.hours == pytest.approx(sum(seconds) / 3600)


def test_a_run_that_is_not_finished_is_refused(runs):
    with pytest.raises(UsageError) as caught:
        list(accuracy.figures_of(runs / "begun"))
    assert str(caught.value) == f"the run in '{runs / 'begun'}' is at epoch 1 of 3"


def test_the_command_writes_what_is_finished_and_says_what_is_not(runs, monkeypatch, capsys):
    output = runs / "accuracy.json"
    monkeypatch.setattr(sys, "argv", ["accuracy", str(runs), "--output", str(output)])
    assert accuracy.main() == 1
    said = capsys.readouterr()
    assert said.err == f"left out: the run in '{runs / 'begun'}' is at epoch 1 of 3\n"
    rows = read_accuracies(output)
    assert [row.split for row in rows] == ["test", "val"]
    assert f"| {rows[0].qualities['strict'].miou:.4f} |" in said.out
    accuracy.main()
    again = read_accuracies(output)
    assert [row.key for row in again] == [row.key for row in rows]
