"""However a command ends, it ends with its own code and one line, and 1 means over budget alone."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_up_results import make_profile

from segbench.results.store import load, save

TRAIN = ("--dataset", "rooms", "--size", "24x32", "--batch", "4", "--epochs", "2")
NETS = """
import torch
from torch import nn


class Tiny(nn.Module):
    def __init__(self, classes=2):
        super().__init__()
        self.layer = nn.Conv2d(3, classes, 1)

    def forward(self, images):
        return self.layer(images)


class Raises(Tiny):
    def forward(self, images):
        raise ValueError("the bridge is out")


class Ends(Tiny):
    def forward(self, images):
        raise SystemExit("please set CONFIG")


class Hungry(Tiny):
    def forward(self, images):
        return torch.zeros(1 << 48)


class Detached(Tiny):
    def forward(self, images):
        return super().forward(images).detach()


class NormOfOne(Tiny):
    def __init__(self, classes=2):
        super().__init__(classes)
        self.norm = nn.BatchNorm1d(3)

    def forward(self, images):
        return self.layer(images * self.norm(images.mean((2, 3)))[..., None, None])


class Frozen(Tiny):
    def __init__(self, classes=2):
        super().__init__(classes)
        self.requires_grad_(False)


class Deep(Tiny):
    def forward(self, images):
        return self.forward(images)
"""


@pytest.fixture
def nets(rooms, monkeypatch):
    (rooms.parent / "badnets.py").write_text(NETS)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("badnets", None)


@pytest.mark.usefixtures("nets")
@pytest.mark.parametrize(
    ("network", "code", "line"),
    [
        ("Raises", 5, "failed on an input of 4x3x24x32: ValueError: the bridge is out"),
        ("Ends", 5, "failed on an input of 4x3x24x32: SystemExit: please set CONFIG"),
        (
            "Hungry",
            5,
            "ran out of memory on an input of 4x3x24x32; try a smaller --size or --batch",
        ),
        ("Detached", 5, "failed on an input of 4x3x24x32: RuntimeError: element 0 of tensors does"),
        ("Deep", 5, "failed on an input of 4x3x24x32: RecursionError: maximum recursion depth"),
        ("Frozen", 2, "has no parameter that can be trained; set requires_grad on those that are"),
    ],
)
def test_a_network_that_fails_in_training_is_one_line(here, network, code, line):
    found, out, said = here("train", f"badnets:{network}", *TRAIN)
    assert (found, out) == (code, "")
    assert said.startswith(f"segbench: network 'badnets:{network},classes=2' {line}")
    assert said.count("\n") == 1


@pytest.mark.usefixtures("nets")
def test_a_last_batch_of_one_is_the_networks_failure_in_one_line(here):
    found, out, said = here("train", "badnets:NormOfOne", *TRAIN[:-4], "--batch", "9", "--epochs=1")
    assert (found, out) == (5, "")
    assert said.startswith(
        "segbench: network 'badnets:NormOfOne,classes=2' failed on an input of 1x3x24x32: "
        "ValueError: Expected more than 1 value per channel when training"
    )
    assert said.count("\n") == 1


def test_what_nobody_foresaw_is_one_line_and_five(here, monkeypatch):
    from segbench.training import summary

    Path("a").mkdir()
    Path("a/run.json").write_text("{}")
    monkeypatch.setattr(summary, "summarise", None)
    code, out, said = here("runs", ".")
    assert (code, out) == (5, "")
    assert said.startswith("segbench: TypeError: 'NoneType' object is not callable (at summary.py:")
    assert "this is a fault of segbench, please report it with what --debug shows" in said
    assert said.count("\n") == 1
    assert "Traceback (most recent call last)" in here("runs", ".", "--debug")[2]


@pytest.fixture
def good(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(make_profile(), "good.json")


def shell(command, **environment):
    """Run a command of the shell in which {} is segbench."""
    return subprocess.run(
        ["/bin/bash", "-c", command.replace("{}", f"{sys.executable} -m segbench")],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
        errors="replace",
    )


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("{} report good.json > /dev/full", 5,
         "segbench: cannot write to standard output: no space left on device\n"),
        ("{} models > /dev/full", 5,
         "segbench: cannot write to standard output: no space left on device\n"),
        ("{} --help > /dev/full", 5,
         "segbench: cannot write to standard output: no space left on device\n"),
        ("{} report good.json >&-", 0, ""),
        ("{} models >&-", 0, ""),
        ("{} report good.json 2>&-", 0, ""),
        ("{} report none.json 2>&-", 2, ""),
        ("{} report none.json 2> /dev/full", 2, ""),
        ("{} report good.json <&- >&- 2>&-", 0, ""),
        ("{} models | head -1 > /dev/null; exit ${PIPESTATUS[0]}", 0, ""),
    ],
)  # fmt: skip
def test_a_stream_that_cannot_be_written_is_no_verdict(command, code, said):
    done = shell(command)
    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize("where", ["> /dev/full", ">&-", "2>&-", "| head -c 1", "> /dev/full 2>&1"])
def test_what_was_asked_with_output_is_written_whatever_becomes_of_the_streams(where):
    shell(f"{{}} report good.json --output kept.json {where}")
    assert load("kept.json") == make_profile()


@pytest.mark.usefixtures("good")
def test_nothing_that_is_printed_ends_up_in_a_file_where_standard_output_is_closed():
    shell("{} report good.json --output kept.md >&-")
    assert "segbench" not in Path("kept.md").read_text()
    assert Path("kept.md").read_text().startswith("## segfast")


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize("command", ["models", "report good.json", "report good.json --format csv"])
def test_an_alphabet_without_what_is_printed_gets_the_nearest(command):
    done = shell(f"{{}} {command}", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert done.stdout.count("?") == 0


def interrupted(arguments, folder, sent, *, after_s):
    """Start a command, send it a signal, and return how it ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "segbench", *arguments],
        cwd=folder,
        env={**os.environ, "SEGBENCH_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until_caught(process, sent)
    time.sleep(after_s)
    process.send_signal(sent)
    out, said = process.communicate(timeout=120)
    return process.returncode, out, said


def wait_until_caught(process, sent):
    """Wait until a process has a handler of its own for a signal, by what the kernel says."""
    caught = re.compile(r"^SigCgt:\s*([0-9a-f]+)", re.MULTILINE)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        if int(caught.search(status)[1], 16) >> (sent - 1) & 1:
            return
        time.sleep(0.01)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "segfast-streets", "--dataset", "streets", "--split", "train"),
        ("evaluate", "segfast-streets", "--batch", "1"),
        ("data", "check", "streets"),
        ("profile", "segfast", "--repeats", "50", "--output", "one.json"),
    ],
    ids=lambda value: " ".join(value[:2]),
)
@pytest.mark.measures
def test_a_signal_ends_a_command_in_order_and_with_a_word(arguments, sent, tmp_path):
    code, _, said = interrupted(arguments, tmp_path, sent, after_s=0.3)
    assert code == 130
    assert said.splitlines()[-1].startswith("segbench: interrupted")
    assert "Traceback" not in said


@pytest.mark.measures
def test_a_hang_up_that_is_ignored_stays_so(tmp_path):
    """As behind nohup."""
    measure = "profile segfast --size 32x32 --repeats 2 --no-training --output a.json"
    command = f"trap '' HUP; exec {sys.executable} -m segbench {measure}"
    process = subprocess.Popen(
        ["/bin/bash", "-c", command], cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    wait_until_caught(process, signal.SIGTERM)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=120) == 0
    assert load(tmp_path / "a.json").params == 603_288


def limit_file_size():
    """Let no file grow over 20 KB, as on a full disk; what exceeds it gets an error."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_disk_that_fills_while_training_ends_with_the_first_cause(rooms, here):
    here("data", "show", "rooms", "--output", "sheet.png")
    assert here("train", "segfast", *TRAIN, "--out", "whole")[0] == 0
    done = subprocess.run(
        [sys.executable, "-m", "segbench", "train", "segfast", *TRAIN, "--out", "cut"],
        cwd=rooms.parent,
        env={**os.environ, "SEGBENCH_CACHE": str(rooms.parent / "cache")},
        preexec_fn=limit_file_size,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert done.stderr == "segbench: cannot write 'cut/best.safetensors': file too large\n"


def test_predicting_into_what_is_no_folder_says_why(here):
    Path("notes.txt").write_text("mine")
    image = "rooms/val/images/0.png"
    for place, reason in (
        ("notes.txt", "file exists"),
        ("notes.txt/deeper", "not a directory"),
        ("/proc/segbench", "no such file or directory"),
    ):
        code, out, said = here("predict", "segfast-streets", image, "--out", place)
        assert (code, out) == (5, "")
        assert said == f"segbench: cannot write into {place!r}: {reason}\n"
    assert Path("notes.txt").read_text() == "mine"


def test_a_present_folder_that_is_gone_is_said_in_one_line(tmp_path):
    command = "mkdir gone && cd gone && rmdir ../gone && exec $0 -m segbench env"
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "segbench: the present folder is gone; change into one that is there\n"
