"""``segbench check`` and ``baseline`` as a user runs them: processes, files, exit codes."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from commands import segbench_here
from forked_workers import quickly
from junitparser import JUnitXml

from segbench.runtimes import RUNTIMES

pytestmark = pytest.mark.measures

SMALL = ("--size", "64x64", "--threads", "1", "--max-time", "1s")
FORWARD = "latency.forward.p50_s"
DIES = """
import os, signal
from torch import nn

class Net(nn.Module):
    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.classify = nn.Conv2d(3, classes, 1)

    def forward(self, images):
        os.kill(os.getpid(), signal.SIGKILL)
"""

SMALL_NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.classify = nn.Conv2d(3, classes, 3, padding=1)

    def forward(self, images):
        return self.classify(images)
"""


def command(*arguments):
    return [sys.executable, "-m", "segbench", *arguments]


@pytest.fixture
def segbench(zygotes):
    """Return a function that runs a command in this process, in short rounds."""
    with quickly(zygotes):
        yield segbench_here


@pytest.fixture(scope="module")
def baseline(tmp_path_factory, zygotes):
    """Save a baseline of segfast at 64x64, once for all tests."""
    path = tmp_path_factory.mktemp("baseline") / "baseline.json"
    with quickly(zygotes):
        done = segbench_here(
            *("baseline", "save", "segfast", "--output", str(path), "--repeats", "3"),
            *("--size", "64x64", "--threads", "1"),
            folder=path.parent,
        )
    assert done.returncode == 0, done.stderr
    return path


def test_limits_that_are_kept_exit_0_and_one_run_gives_every_format(tmp_path, segbench):
    names = ("check.json", "check.csv", "check.md", "check.xml")
    outputs = [word for name in names for word in ("--output", name)]
    limits = ("--limit", "params <= 603_288", "--limit", f"{FORWARD} <= 1000 * segfast-basic")
    done = segbench("check", "segfast", *limits, *SMALL, *outputs, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("within budget: 2 of 2 limits\n")
    saved = json.loads((tmp_path / "check.json").read_text())
    assert [row["verdict"] for row in saved["judgements"]] == ["within", "within"]
    rows = list(csv.DictReader((tmp_path / "check.csv").read_text().splitlines()))
    assert [row["limit"] for row in rows] == list(limits[1::2])
    (suite,) = JUnitXml.fromfile(str(tmp_path / "check.xml"))
    assert (suite.tests, suite.failures, suite.errors) == (2, 0, 0)
    for name in names[1:]:
        again = f"again{Path(name).suffix}"
        segbench("report", "check.json", "--output", again, folder=tmp_path)
        assert (tmp_path / again).read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("limit", ["params <= 603_287", f"{FORWARD} <= 0.001 * segfast-basic"])
def test_a_limit_that_is_exceeded_exits_1(tmp_path, limit, segbench):
    done = segbench("check", "segfast", "--limit", limit, *SMALL, folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("over budget: 1 of 1 limits\n")


def test_a_misspelt_metric_in_a_budget_file_exits_2_with_file_and_line(tmp_path, segbench):
    text = '[[budget]]\nmodel = "segfast"\nlimits = [\n  "params <= 1 M",\n  "parms <= 1 M",\n]\n'
    (tmp_path / "budgets.toml").write_text(text)
    done = segbench("check", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("segbench: budgets.toml:5: cannot read limit 'parms <= 1 M': ")
    assert "did you mean 'params'?" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_limit_at_the_very_ratio_exits_3(tmp_path, segbench):
    # One network by two names: their ratio is 1, and no sample is without noise.
    asked = ("check", "zoo.segfast:segfast", "--limit", f"{FORWARD} <= 1 * segfast", *SMALL)
    done = segbench(*asked, "--output", "check.json", folder=tmp_path)
    verdict = json.loads((tmp_path / "check.json").read_text())["verdict"]
    # By chance, one run in twenty is decided.
    assert done.returncode == {"inconclusive": 3, "over": 1, "within": 0}[verdict]
    assert ("give more time with --max-time" in " ".join(done.stdout.split())) == (
        verdict == "inconclusive"
    )


@pytest.mark.parametrize(("factor", "code"), [(1000, 0), (0.0001, 1)])
def test_a_network_is_held_to_a_multiple_of_itself_in_another_runtime(
    tmp_path, segbench, factor, code
):
    (tmp_path / "small.py").write_text(SMALL_NET)
    limit = f"{FORWARD} <= {factor} * small:Net@eager + 3 %"
    asked = ("check", "small:Net", "--runtime", "openvino", "--limit", limit, *SMALL)
    done = segbench(*asked, "--output", "check.json", folder=tmp_path)
    assert done.returncode == code, done.stderr
    saved = json.loads((tmp_path / "check.json").read_text())
    [judged] = saved["judgements"]
    assert (judged["model"], judged["to"], judged["kind"]) == (
        "small:Net@openvino", "small:Net", "relative",
    )  # fmt: skip
    assert [each["workload"]["runtime"] for each in saved["profiles"]] == ["openvino", "eager"]


def test_a_candidate_at_the_very_ratio_of_another_exits_3(tmp_path, segbench):
    (tmp_path / "small.py").write_text(SMALL_NET)
    limit = f"{FORWARD} <= 1 * small:Net@eager"
    asked = ("check", "small:Net@eager,threads=1", "--limit", limit, *SMALL)
    done = segbench(*asked, "--output", "check.json", folder=tmp_path)
    verdict = json.loads((tmp_path / "check.json").read_text())["verdict"]
    # By chance, one run in twenty is decided.
    assert done.returncode == {"inconclusive": 3, "over": 1, "within": 0}[verdict]


def test_a_budget_file_may_name_runtimes_and_a_wrong_one_exits_2_with_its_line(tmp_path, segbench):
    text = '[[budget]]\nmodel = "small:Net@eager,layout=nhwc"\nlimits = [\n  "params <= 1 M",\n'
    (tmp_path / "small.py").write_text(SMALL_NET)
    (tmp_path / "budgets.toml").write_text(text + f'  "{FORWARD} <= 1000 * small:Net",\n]\n')
    done = segbench("check", *SMALL, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("within budget: 2 of 2 limits\n")
    (tmp_path / "budgets.toml").write_text(text + f'  "{FORWARD} <= 2 * small:Net@opnvino",\n]\n')
    done = segbench("check", *SMALL, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "segbench: budgets.toml:5: unknown runtime 'opnvino'; did you mean 'openvino'? "
        f"(runtimes: {', '.join(RUNTIMES)})\n"
    )


def test_a_baseline_of_another_machine_exits_4_and_says_what_differs(tmp_path, baseline, segbench):
    fields = json.loads(baseline.read_text())
    fields["profiles"][0]["environment"]["cpu_model"] = "Other 1"
    (tmp_path / "other.json").write_text(json.dumps(fields))
    asked = ("check", "segfast", "--limit", f"{FORWARD} <= 1000 * baseline", *SMALL)
    done = segbench(*asked, "--baseline", "other.json", folder=tmp_path)
    assert done.returncode == 4
    assert "CPU model differs (baseline Other 1, candidate " in done.stderr
    assert "--normalised" in done.stderr
    done = segbench(*asked, "--baseline", "other.json", "--normalised", folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_network_that_is_killed_exits_5_and_is_named(tmp_path, segbench):
    (tmp_path / "deadly.py").write_text(DIES)
    done = segbench(
        *("check", "deadly:Net", "--limit", "params <= 1 M", "--output", "check.json"),
        folder=tmp_path,
    )
    assert done.returncode == 5
    assert done.stderr.startswith(
        "segbench: the worker that measured 'deadly:Net' was killed by SIGKILL; "
    )
    assert not (tmp_path / "check.json").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "no such file"),
        (lambda text: text[: len(text) // 2], "not JSON ("),
        (lambda text: text.replace("baseline/1", "baseline/2"), "its schema is"),
    ],
)
def test_a_baseline_that_cannot_be_read_is_never_a_pass(
    tmp_path, baseline, change, words, segbench
):
    if change is not None:
        (tmp_path / "mine.json").write_text(change(baseline.read_text()))
    done = segbench(
        *("check", "segfast", "--limit", f"{FORWARD} <= 9 * baseline"),
        *("--baseline", "mine.json", *SMALL),
        folder=tmp_path,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_baseline_is_shown_and_measured_again_in_place(tmp_path, baseline, segbench):
    path = tmp_path / "baseline.json"
    path.write_bytes(baseline.read_bytes())
    shown = segbench("baseline", "show", "baseline.json", folder=tmp_path)
    assert shown.stdout.startswith("baseline of 1 network\n1x3x64x64 of noise, 22 classes, ")
    done = segbench("baseline", "update", "baseline.json", "--repeats", "1", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    before, after = json.loads(baseline.read_text()), json.loads(path.read_text())
    assert after["profiles"][0]["workload"]["height"] == 64
    assert after["profiles"][0]["latency"] != before["profiles"][0]["latency"]
    assert [file.name for file in tmp_path.iterdir()] == ["baseline.json"]


def wait_for_children(process, count):
    """Return the processes that it has started, as soon as there were so many in all."""
    ours = psutil.Process(process.pid)
    seen = set()
    end = time.monotonic() + 60
    while len(seen) < count and time.monotonic() < end:
        seen |= set(ours.children())
        time.sleep(0.05)
    return seen


def test_a_baseline_stays_as_it_was_when_its_update_is_killed(tmp_path, baseline):
    path = tmp_path / "baseline.json"
    path.write_bytes(baseline.read_bytes())
    updating = subprocess.Popen(
        command("baseline", "update", "baseline.json", "--repeats", "1"), cwd=tmp_path
    )
    seen = wait_for_children(updating, 3)  # two count and weigh; then a round has its own
    updating.kill()
    updating.wait()
    psutil.wait_procs(seen, timeout=30)
    assert not [child for child in seen if child.is_running()]
    assert path.read_bytes() == baseline.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["baseline.json"]


def test_ctrl_c_leaves_no_process_and_judges_nothing(tmp_path):
    limits = ("--limit", "params <= 1", "--limit", f"{FORWARD} <= 9 s")
    running = subprocess.Popen(
        command("check", "segfast", *limits, "--size", "64x64", "--output", "check.json"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = wait_for_children(running, 3)  # one counts; then each round has its own
    running.send_signal(signal.SIGINT)
    out, errors = running.communicate(timeout=30)
    assert running.returncode == 130, errors
    assert not [child for child in seen if child.is_running()]
    assert out.startswith("not judged: interrupted\n")
    saved = json.loads((tmp_path / "check.json").read_text())
    assert saved["complete"] is False
    assert [row["verdict"] for row in saved["judgements"]] == [None, None]


def git(*arguments, folder):
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S607


def test_a_slow_down_in_the_working_tree_is_over_and_a_new_name_is_not(tmp_path, segbench):
    network = (
        "from torch import nn\n\n\n"
        "def tiny(*, classes: int = 5) -> nn.Module:\n"
        "    layers = [nn.Conv2d(3, 64, 3, padding=1)]\n"
        "    return nn.Sequential(*layers, nn.Conv2d(64, classes, 1))\n"
    )
    package = tmp_path / "mypkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "nets.py").write_text(network)
    git("init", "-q", folder=tmp_path)
    git("add", "-A", folder=tmp_path)
    git("commit", "-q", "-m", "one", folder=tmp_path)
    asked = ("check", "mypkg.nets:tiny", "--against", "HEAD", "--threads", "1", "--max-time", "1s")
    wide = network.replace("layers = [", "layers = [nn.Conv2d(3, 3, 31, padding=15), ")
    (package / "nets.py").write_text(wide)
    done = segbench(*asked, folder=tmp_path)
    assert done.returncode == 1, done.stderr + done.stdout
    (package / "nets.py").write_text(network.replace("layers", "stack"))
    done = segbench(*asked, folder=tmp_path)
    assert done.returncode in {0, 3}, done.stderr + done.stdout
