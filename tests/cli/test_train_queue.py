"""``segbench train --queue`` as a user runs it: to its end, killed, interrupted and refused."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from commands import environment

from segbench.files import is_partial
from segbench.training.run_folder import StateMetadata, WeightsMetadata, read_checkpoint

QUEUE = """\
[defaults]
dataset = "rooms"
size = "24x32"
batch = 4
epochs = 8
[[run]]
name = "first"
model = "nets_to_train:Small"
recipe = "paper+lr=2e-3"
[[run]]
name = "second"
model = "nets_to_train:WithHeads"
"""
ASKED = ("train", "--queue", "queue.toml", "--out", "out")
SHORT = QUEUE.replace("epochs = 8", "epochs = 1")


@pytest.fixture
def folder(rooms):
    (rooms.parent / "queue.toml").write_text(QUEUE)
    return rooms.parent


def rows_of(text):
    """Return the cells of the table's rows."""
    return [line.split() for line in text.splitlines() if line.startswith(("first", "bad"))]


@pytest.mark.usefixtures("forked")
def test_a_queue_says_how_far_it_is_and_ends_with_what_failed(folder, here):
    (folder / "queue.toml").write_text(SHORT)
    code, output, _ = here(*ASKED, "--list")
    assert code == 0
    assert rows_of(output) == [["first-0", "waiting", "-", "0.00", "-"]]
    assert not (folder / "out").exists()
    bad = SHORT.replace("WithHeads", "Dies").replace("second", "bad")
    (folder / "queue.toml").write_text(bad)
    code, output, errors = here(*ASKED)
    assert code == 5
    lines = errors.splitlines()
    assert lines[0] == (
        "run 1 of 2, first-0 begins; in all 0.00 h spent, 0.00 h left and those of 2 not timed yet"
    )
    assert lines[1].startswith("run 1 of 2, first-0: epoch 1 of 1, best mIoU 0.")
    assert lines[1].endswith(
        ", 0.00 h spent, 0.00 h left; in all 0.00 h spent, 0.00 h left and those of 1 not timed yet"
    )
    failure = "the worker that trained ended by itself with code 3; see --debug for its last words"
    assert lines[-1] == f"segbench: run 2 of 2, bad-0 failed: {failure}"
    first, second = rows_of(output)[:2]
    assert first[:2] == ["first-0", "finished"]
    assert f"best mIoU {first[2]}" in lines[1]
    assert second == ["bad-0", "failed", "-", "0.00", "-"]
    assert f"bad-0 failed: {failure}" in " ".join(output.split())
    code, again, _ = here(*ASKED, "--list")
    assert (code, again) == (0, output)
    code, listed, _ = here("runs", "out")
    assert "first-0" in listed


SAYS_ALL = "import os; os.dup2(1, 2); from segbench.cli import main; main()"


def epochs_of(folder, run):
    path = folder / "out" / run / "history.csv"
    return path.read_text().count("\n") - 1 if path.exists() else 0


@pytest.mark.measures
def test_a_queue_that_is_killed_in_each_run_ends_as_one_that_was_not(folder, fork):
    whole = fork(SAYS_ALL, *ASKED[:-1], "whole", folder=folder)
    said = whole.stdout.read()
    assert whole.wait() == 0, said
    for run, epochs in (("first-0", 2), ("second-0", 5)):
        killed = fork(SAYS_ALL, *ASKED, folder=folder)
        for line in killed.stdout:
            if f"{run}: epoch {epochs} of 8, " in line:
                break
        killed.kill()
        assert killed.wait() == -signal.SIGKILL
    last = fork(SAYS_ALL, *ASKED, folder=folder)
    said = last.stdout.read()
    assert last.wait() == 0, said
    assert "run 2 of 2, second-0 goes on after epoch " in said
    kinds = {"best.safetensors": WeightsMetadata, "last.safetensors": StateMetadata}
    for run in ("first-0", "second-0"):
        ours, theirs = folder / "out" / run, folder / "whole" / run
        assert (ours / "history.csv").read_bytes() == (theirs / "history.csv").read_bytes()
        for name, kind in kinds.items():
            mine, its = (read_checkpoint(each / name, kind)[0] for each in (ours, theirs))
            assert mine.keys() == its.keys()
            assert all(torch.equal(mine[key], its[key]) for key in its)
    assert not [path for path in (folder / "out").rglob("*") if is_partial(path)]


@pytest.mark.measures
def test_ctrl_c_keeps_every_whole_epoch_and_says_how_to_go_on(folder):
    (folder / "queue.toml").write_text(QUEUE.replace("epochs = 8", "epochs = 500"))
    training = subprocess.Popen(
        [sys.executable, "-m", "segbench", *ASKED],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert training.stderr.readline().startswith("run 1 of 2, first-0 begins; ")
    assert training.stderr.readline().startswith("run 1 of 2, first-0: epoch 1 of 500, ")
    training.send_signal(signal.SIGINT)
    output, errors = training.communicate(timeout=60)
    assert (training.returncode, output) == (130, "")
    assert errors.splitlines()[-1] == (
        "segbench: interrupted; every whole epoch is in out, the same command goes on"
    )
    assert 1 <= epochs_of(folder, "first-0") < 500
    assert (folder / "out/first-0/curves.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train",), "there is nothing to train; name a MODEL, or a file with --queue"),
        (("train", "segfast", "--list"), "--list shows how far a queue is; name its file with "),
        (("train", "segfast", *ASKED[1:]), "MODEL 'segfast' and --queue are both given; leave "),
        ((*ASKED, "--recipe", "modern"), "--recipe and --queue are both given; write it into "),
        ((*ASKED, "--resume"), "--resume and --queue are both given; write it into the file"),
        ((*ASKED, "--devices", "2"), "--devices and --queue are both given; write it into the "),
        (("train", "--queue", "none.toml"), "cannot read queue file 'none.toml': no such file or"),
        (("train", "--queue", "rooms"), "cannot read queue file 'rooms': is a directory"),
        (
            ("train", "--queue", "queue.toml", "--out", "rooms/classes.csv"),
            "cannot make the folder",
        ),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_is_one_line_and_code_2(here, arguments, words):
    code, output, errors = here(*arguments)
    assert (code, output) == (2, "")
    assert errors.startswith(f"segbench: {words}")
    assert errors.count("\n") == 1
    assert not Path("out").exists()
