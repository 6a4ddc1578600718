"""A queue of trainings: what is trained, skipped, gone on with, noted and refused."""

import json
from pathlib import Path

import pytest
import torch

from segbench.errors import UsageError
from segbench.files import LOCK, lock_folder
from segbench.training.queue import train_queue
from segbench.training.queue_file import read_queue_file
from segbench.training.queue_folder import FAILED, QueueFolder, in_all
from segbench.training.run import train
from segbench.training.run_folder import StateMetadata, read_checkpoint

QUEUE = """\
[defaults]
dataset = "rooms"
size = "24x32"
batch = 4
epochs = 2
[[run]]
name = "first"
model = "nets_to_train:Small"
[[run]]
name = "bad"
model = "nets_to_train:Explodes"
[[run]]
name = "last"
model = "nets_to_train:WithHeads"
"""


class Seen:
    """What a queue says of itself."""

    def __init__(self):
        self.begun, self.epochs, self.failures = [], [], []

    def begin(self, run, _states):
        self.begun.append(run.name)

    def decode(self, *_):
        pass

    def epoch(self, run, states):
        self.epochs.append((run.name, [state.epochs for state in states]))

    def failed(self, run, line):
        self.failures.append((run.name, line))


@pytest.fixture
def queue(rooms, monkeypatch, forked):  # noqa: ARG001 - for what it does
    """Return a function that trains a queue, and returns the states and what was seen."""
    monkeypatch.chdir(rooms.parent)

    def run(text, observer=None):
        Path("queue.toml").write_text(text)
        seen = observer or Seen()
        runs = read_queue_file(Path("queue.toml"))
        return train_queue(runs, Path("out"), seen, cache=Path("cache")), seen

    return run


def test_a_queue_trains_in_order_and_goes_on_after_a_failure(queue):
    states, seen = queue(QUEUE)
    line = "the loss became nan in epoch 2, batch 2 of 3; the run up to the epoch before is kept"
    assert seen.begun == ["first-0", "bad-0", "last-0"]
    assert seen.epochs == [
        ("first-0", [1, 0, 0]), ("first-0", [2, 0, 0]), ("bad-0", [2, 1, 0]),
        ("last-0", [2, 1, 1]), ("last-0", [2, 1, 2]),
    ]  # fmt: skip
    assert seen.failures == [("bad-0", line)]
    assert [str(state) for state in states] == ["finished", "failed", "finished"]
    assert states[0].best.miou > 0
    assert json.loads(Path("out", FAILED).read_text()) == {"bad-0": line}
    assert {path.name for path in Path("out").iterdir()} == {
        "first-0", "bad-0", "last-0", FAILED, LOCK,
    }  # fmt: skip
    assert all(Path("out", run, "curves.png").exists() for run in ("first-0", "bad-0", "last-0"))
    # Once more: what is finished is skipped, what failed is tried again.
    states, seen = queue(QUEUE)
    assert (seen.begun, seen.failures) == (["bad-0"], [("bad-0", line)])
    # The entry that fails is left out: nothing of it is asked any more.
    states, seen = queue(QUEUE.replace("Explodes", "Small").replace('"bad"', '"good"\nseed = 1'))
    assert seen.begun == ["good-1"]
    assert [str(state) for state in states] == ["finished"] * 3


def test_a_run_that_was_begun_by_itself_is_gone_on_with_to_the_last_digit(queue):
    (run,) = read_runs(SMALL)
    whole = train(run.job, Path("whole"), cache=Path("cache"))

    def stop(number, done, _count, _loss):
        if (number, done) == (2, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run.job, Path("out/only-0"), cache=Path("cache"), on_batch=stop)
    _, seen = queue(SMALL)
    assert seen.epochs == [("only-0", [2])]
    assert Path("out/only-0/history.csv").read_text() == (whole.path / "history.csv").read_text()
    ours, theirs = (
        read_checkpoint(folder / "last.safetensors", StateMetadata)[0]
        for folder in (Path("out/only-0"), whole.path)
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


SMALL = QUEUE[: QUEUE.index("[[run]]")] + '[[run]]\nname = "only"\nmodel = "nets_to_train:Small"\n'


def read_runs(text):
    Path("queue.toml").write_text(text)
    return read_queue_file(Path("queue.toml"))


def test_what_a_dead_process_trained_fails_and_the_next_run_is_trained(queue):
    dies = SMALL.replace("Small", "Dies") + '[[run]]\nmodel = "nets_to_train:Small"\n'
    states, seen = queue(dies)
    assert [str(state) for state in states] == ["failed", "finished"]
    ((name, line),) = seen.failures
    assert name == "only-0"
    assert line.startswith("the worker that trained ended by itself with code 3")


def refused(queue, text):
    with pytest.raises(UsageError) as caught:
        queue(text)
    return str(caught.value)


def test_a_changed_entry_is_not_mixed_with_what_its_folder_holds(queue):
    queue(SMALL)
    before = Path("out/only-0/history.csv").read_text()
    assert refused(queue, SMALL.replace("batch = 4", "batch = 2")) == (
        "queue.toml:6: cannot go on with 'out/only-0': batch differs (4, now 2); give the options "
        "that it was begun with"
    )
    assert Path("out/only-0/history.csv").read_text() == before


def test_who_only_looks_need_not_say_where_the_data_are(queue):
    queue(SMALL)
    runs = read_queue_file(Path("queue.toml"), data_root=Path("elsewhere"))
    folder = QueueFolder(Path("out"))
    folder.check(runs, any_root=True)
    with pytest.raises(UsageError, match=r"data_root differs \(None, now elsewhere\)"):
        folder.check(runs)


def test_what_cannot_be_begun_is_refused_before_anything_is_trained(queue):
    Path("out/only-0").mkdir(parents=True)
    Path("out/only-0/notes.txt").write_text("mine")
    assert refused(queue, SMALL) == (
        "queue.toml:6: 'out/only-0' is there and is no run; remove it, or give this run another "
        "name"
    )
    assert [path.name for path in Path("out").iterdir()] == ["only-0"]
    more = SMALL.replace("only", "other")
    assert refused(queue, more + '[[run]]\nmodel = "segfast,widht=3"\n').startswith(
        "queue.toml:9: unknown option 'widht' for model 'segfast'"
    )
    assert refused(queue, more + '[[run]]\nmodel = "segfast"\ndataset = "camvit"\n').startswith(
        "queue.toml:9: unknown dataset 'camvit'"
    )
    assert not Path("out/other-0").exists()


def test_two_queues_do_not_work_in_one_folder(queue, monkeypatch):
    monkeypatch.setitem(lock_folder.__kwdefaults__, "wait_s", 0.0)
    with lock_folder(Path("out")):
        assert refused(queue, SMALL) == (
            "another process is at work in 'out'; wait for it, or name another folder with --out"
        )
    states, _ = queue(SMALL)
    assert states[0].is_finished


def test_a_refused_queue_leaves_no_folder(queue):
    refused(queue, SMALL.replace("rooms", "camvit"))
    assert not Path("out").exists()


def write_run(folder, run, seconds):
    """Write a run of so many epochs, with the seconds of each."""
    home = folder.folder_of(run).path
    home.mkdir(parents=True)
    rows = [f"{n},0.001,1.0,1.0,0.9,{0.1 * n}" for n in range(1, len(seconds) + 1)]
    (home / "history.csv").write_text(
        "\n".join(["epoch,rate,loss,val_loss,pixel_accuracy,miou", *rows]) + "\n"
    )
    rows = [f"{n},{took - 1},1.0,8.0" for n, took in enumerate(seconds, 1)]
    (home / "speed.csv").write_text(
        "\n".join(["epoch,train_s,validation_s,images_per_s", *rows]) + "\n"
    )


def test_the_hours_left_follow_from_epochs_that_were_timed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "[defaults]\nrecipe = 'modern'\nepochs = 4\n"
    for name, model, more in (
        ("a", "segfast", ""), ("b", "segfast", "recipe = 'modern+lr=1e-3'"), ("c", "segnet", ""),
        ("d", "fcn8s", ""), ("e", "segfast", "size = '8x8'"),
    ):  # fmt: skip
        text += f"[[run]]\nname = '{name}'\nmodel = '{model}'\n{more}\n"
    runs = read_runs(text)
    folder = QueueFolder(tmp_path / "out")
    write_run(folder, runs[0], [10, 20, 30])
    write_run(folder, runs[3], [5, 5, 5, 5])
    folder.note(runs[2], "the disk is full")
    states = folder.states(runs)
    assert [str(state) for state in states] == [
        "epoch 3 of 4", "waiting", "failed", "finished", "waiting",
    ]  # fmt: skip
    assert [state.spent_s for state in states] == [60, 0, 0, 20, 0]
    # b trains the network of a at its size; of c and e nothing is known.
    assert [state.left_s for state in states] == [20, 80, None, 0, None]
    assert states[0].best.epoch == 3
    whole = in_all(states)
    assert (whole.spent_s, whole.left_s, whole.untimed) == (80, 100, 2)
    folder.note(runs[2], None)
    assert folder.failures() == {}


def test_a_damaged_list_of_failures_is_one_line(tmp_path):
    (tmp_path / FAILED).write_text('{"a": 3}')
    with pytest.raises(UsageError) as caught:
        QueueFolder(tmp_path).failures()
    assert str(caught.value).startswith(f"list of failed runs '{tmp_path / FAILED}' is damaged at")
