"""``segbench search`` as a user runs it: real measuring and training, in a space of two widths."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import optuna
import psutil
import pytest

from segbench.search.trial_store import OBJECTIVES

SEARCH = (
    *("search", "--study", "two.py", "--dataset", "rooms", "--size", "24x32"),
    *("--train-size", "24x32", "--batch", "5", "--epochs", "3"),
    *("--sampler", "random", "--out", "found"),
)


def start(*arguments, folder):
    """Start a search that measures each network in a single round."""
    from segbench.training.allocator import MARK

    program = (
        "from segbench.cli import main; from segbench.search.latency import time_beside; "
        "time_beside.__kwdefaults__.update(min_rounds=1, max_rounds=1); main()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "SEGBENCH_CACHE": str(folder / "cache"), "COLUMNS": "100", MARK: "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read(folder):
    return json.loads((folder / "found" / "search.json").read_text())


@pytest.fixture
def two_rounds(monkeypatch):
    """Measure in two rounds, the fewest that surely have an interval."""
    from segbench.search.latency import time_beside

    monkeypatch.setitem(time_beside.__kwdefaults__, "min_rounds", 2)
    monkeypatch.setitem(time_beside.__kwdefaults__, "max_rounds", 2)


@pytest.mark.measures
@pytest.mark.usefixtures("two_rounds", "quick")
def test_from_nothing_to_a_network_that_is_a_model_like_any_other(home, here):
    code, output, errors = here(*SEARCH, "--trials", "2")
    assert code == 0, errors
    assert "search two on rooms: 2 of 2 trials" in output
    assert [line.split(":")[0] for line in errors.splitlines()[:2]] == ["trial 0", "trial 1"]
    found = read(home)
    anchors = [trial["latency_s"] / trial["ratio"] for trial in found["trials"]]
    assert anchors[0] == pytest.approx(anchors[1])  # the reference model's latency at first
    reference, other = found["trials"]
    assert (reference["ratio"], reference["ratio_ci95"]) == (1.0, None)
    assert other["ratio_ci95"][0] < other["ratio"]
    assert found["trials"][0]["state"] == "trained"
    assert (home / "found" / "front.png").read_bytes().startswith(b"\x89PNG")

    url = f"sqlite:///{home / 'found' / 'study.db'}"
    assert optuna.load_study(study_name="found", storage=url).metric_names == list(OBJECTIVES)

    before = (home / "found" / "study.db").read_bytes()
    code, output, errors = here(*SEARCH, "--trials", "2")
    assert (code, read(home)["trials"]) == (0, found["trials"]), errors
    assert (home / "found" / "study.db").read_bytes() == before

    code, output, _ = here("search", "show", "found", "--output", "all.csv")
    assert code == 0
    assert len((home / "all.csv").read_text().splitlines()) == 1 + 2

    code, output, errors = here("search", "export", "found", "--pick", "1", "-o", "best.json")
    assert (code, errors) == (0, "")
    assert json.loads((home / "best.json").read_text())["model"]["options"]["stem_width"] == 8

    again = ("search", "retrain", "found", "--seeds", "2", "--epochs", "1")
    code, output, errors = here(*again, "--output", "again.json")
    assert code == 0, errors
    assert "trained in full" in output
    assert json.loads((home / "again.json").read_text())["seeds"] == [1, 2]  # 0 was the search's


def test_two_searches_do_not_share_a_folder(home, here, monkeypatch):
    from segbench.files import lock_folder

    monkeypatch.setitem(lock_folder.__kwdefaults__, "wait_s", 0.0)
    (home / "found").mkdir()
    with lock_folder(home / "found"):
        code, output, errors = here(*SEARCH, "--trials", "2")
    assert (code, output) == (2, "")
    assert errors.endswith(
        "is at work in 'found'; wait for it, or name another folder with --out\n"
    )
    assert [path.name for path in (home / "found").iterdir() if path.name[0] != "."] == []


@pytest.fixture
def one_round(monkeypatch):
    from segbench.search.latency import time_beside

    monkeypatch.setitem(time_beside.__kwdefaults__, "least", 1)
    monkeypatch.setitem(time_beside.__kwdefaults__, "most", 1)


@pytest.mark.measures
@pytest.mark.usefixtures("one_round", "quick")
def test_ctrl_c_leaves_no_process_and_the_same_command_goes_on(home, here):
    process = start(*SEARCH, "--trials", "2", folder=home)
    line = process.stderr.readline()
    assert line.startswith("trial 0: trained")
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1] == (
        "segbench: interrupted; what was found is in found, the same command goes on"
    )
    deadline = time.monotonic() + 10
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    first = read(home)["trials"]
    assert len(first) == 1
    code, _, errors = here(*SEARCH, "--trials", "2", "--resume")
    assert code == 0, errors
    assert read(home)["trials"][:1] == first
    assert len(read(home)["trials"]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--study", "sparc"), "unknown study 'sparc'; did you mean 'spark'? (studies: spark, sep"),
        (("--study", "no.py"), "cannot read study 'no.py': no such file"),
        (("--study", "broken.py"), "study 'broken.py' cannot be run: SyntaxError"),
        (("--study", "empty.py"), "study 'empty.py' has no STUDY; give it one"),
        (("--sampler", "tpee"), "unknown sampler 'tpee'; did you mean 'tpe'?"),
        (("--trials", "0"), "trials must be a positive whole number, got 0"),
        (("--epochs", "0"), "epochs must be a positive whole number, got 0"),
        (("--latency-budget", "20 parsecs"), "'20 parsecs' is no time with its unit"),
        (
            ("--latency-budget", "6 6x"),
            "no multiple of the reference model's latency; write for example 20ms",
        ),
        (("--latency-budget", "20"), "latency-budget '20' is no time with its unit"),
        (("--latency-budget", "0ms"), "the latency budget must be above 0, got 0 s"),
        (("--latency-budget", "0x"), "the latency budget must be above 0, got 0x"),
        (("--dataset", "camvit"), "unknown dataset 'camvit'; did you mean 'camvid'?"),
        (("--dataset", "broken"), "cannot read image 'broken/train/images/3.png'"),
        (("--runtime", "onyx"), "unknown runtime 'onyx'"),
        (("--resume",), "there is no search in 'found' to go on with; leave out --resume"),
        (("--storage", "sqlite:///no/such/folder/a.db"), "cannot open the storage 'sqlite:///no"),
        (("--recipe", "modrn"), "unknown recipe 'modrn'"),
    ],
)
def test_what_cannot_be_searched_is_one_line(home, here, arguments, words):
    (home / "broken.py").write_text("STUDY = (")
    (home / "empty.py").write_text("")
    shutil.copytree(home / "rooms", home / "broken")
    (home / "broken" / "train" / "images" / "3.png").write_bytes(b"\x89PNG")
    code, output, errors = here(*SEARCH, *arguments)
    assert (code, output) == (2, "")
    assert words in errors
    assert errors.count("\n") == 1
    assert not (home / "found").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "rooms"), "'rooms' is no search: it has no search.json"),
        (("export", "nowhere"), "'nowhere' is no search"),
        (("retrain", "nowhere"), "'nowhere' is no search"),
    ],
)
def test_a_folder_without_a_search_is_one_line(here, arguments, words):
    code, _, errors = here("search", *arguments)
    assert code == 2
    assert words in errors
    assert errors.count("\n") == 1


def begin(home):
    """Begin the search that `SEARCH` goes on with, but for its sampler and batch; try nothing."""
    from segbench.search.config import SearchConfig
    from segbench.search.run import SearchRun
    from segbench.training.config import Job
    from zoo.allowed import allow_file

    allow_file(home / "two.py")
    job = Job(model="segfast", dataset=str(home / "rooms"), size=(24, 32), epochs=3)
    SearchRun(SearchConfig(study=str(home / "two.py"), job=job, trials=3), home / "found").close()


def test_another_search_is_not_gone_on_with_in_its_folder(home, here):
    begin(home)
    code, _, errors = here(*SEARCH, "--trials", "3", "--seed", "4")
    assert code == 2
    assert errors.startswith("segbench: cannot go on with this search: job.")
    assert "job.seed differs (0, now 4)" in errors
    assert "sampler differs (front, now random)" in errors


def test_a_search_does_not_go_on_by_a_recipe_that_has_changed(home, here, monkeypatch):
    from segbench.training.recipes import RECIPES

    begin(home)
    changed = dataclasses.replace(RECIPES["paper"], rate=0.5)
    monkeypatch.setitem(RECIPES, "paper", changed)
    code, _, errors = here(*SEARCH, "--trials", "3")
    assert code == 2
    assert "recipe.rate differs (0.001, now 0.5)" in errors
