"""What a file names is imported only where the user has allowed it, whatever kind of file it is."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from made_up_results import make_profile, make_search
from safetensors.torch import load_file, save_file

from segbench.results.baseline import Baseline
from segbench.results.profile import Model
from segbench.results.store import save, to_json

EVIL = {"name": "os:system", "options": {"command": "touch pwned"}}
REFUSAL = (
    "names 'os:system', and names in files import nothing but what is allowed; if you trust it, "
    "add --allow-import os"
)
NETS = """
import torch
import torch.nn as nn
from os import system


class Tiny(nn.Conv2d):
    def __init__(self, classes=2):
        super().__init__(3, classes, 1)
"""


@pytest.fixture
def folder(rooms, monkeypatch):
    """A present folder with a module that nobody has allowed, and no other allowances."""
    folder = rooms.parent
    (folder / "pyproject.toml").unlink(missing_ok=True)
    (folder / "ownnets.py").write_text(NETS)
    (folder / "helpless.py").write_text("open('pwned', 'w').close()")
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield folder
    for name in ("ownnets", "helpless"):
        sys.modules.pop(name, None)


@pytest.fixture
def here(folder, here):  # noqa: ARG001 - it is made for what is run
    """Return what runs a command, in that folder."""
    return here


@pytest.fixture
def run_folder(here):
    """Train a network of the zoo, and return what makes its files name another."""
    small = ("--dataset", "rooms", "--size", "32x32", "--epochs", "1", "--batch", "4")
    code, _, said = here("train", "segfast-basic", *small, "--out", "run")
    assert code == 0, said

    def rename(model=None, dataset=None):
        """Let the files of a copy of the run name another network or dataset."""
        shutil.copytree("run", "copy")
        path = Path("copy/best.safetensors")
        about = json.loads(metadata_of(path))
        about["model"] = model or about["model"]
        about["job"]["dataset"] = dataset or about["job"]["dataset"]
        save_file(load_file(path), path, {"segbench": json.dumps(about)})
        run = json.loads(Path("copy/run.json").read_text())
        run["job"] |= {"dataset": about["job"]["dataset"]}
        Path("copy/run.json").write_text(json.dumps(run))
        return "copy"

    return rename


def metadata_of(path):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.metadata()["segbench"]


def refused(here, *arguments):
    """Return the line that a command is refused with; nothing ran and nothing was printed."""
    code, out, said = here(*arguments)
    assert (code, out) == (2, "")
    assert said.startswith("segbench: ")
    assert said.count("\n") == 1
    assert not Path("pwned").exists()
    return said.removeprefix("segbench: ").rstrip("\n")


@pytest.mark.parametrize(
    "command",
    [
        ("profile", "net.json"),
        ("compare", "segfast", "net.json"),
        ("check", "net.json", "--limit", "params <= 1"),
        ("check", "segfast", "--limit", "params <= 1 * net.json"),
        ("baseline", "save", "net.json", "--output", "base.json"),
        ("train", "net.json", "--dataset", "rooms"),
        ("reproduce", "net.json", "--dataset", "rooms"),
    ],
    ids=" ".join,
)
def test_a_model_file_imports_nothing(here, command):
    Path("net.json").write_text(json.dumps(EVIL))
    assert refused(here, *command).endswith(f"model file 'net.json' {REFUSAL}")


def test_a_budget_file_may_name_any_network_but_not_a_model_file_that_does(here):
    Path("net.json").write_text(json.dumps(EVIL))
    Path("budgets.toml").write_text('[[budget]]\nmodel = "net.json"\nlimits = ["params <= 1"]\n')
    assert refused(here, "check").endswith(REFUSAL)
    own = '[[budget]]\nmodel = "ownnets:Tiny"\nlimits = ["params <= 8"]\n'
    Path("budgets.toml").write_text(own)
    assert here("check", "--size", "8x8", "--classes", "2")[0] == 0


def test_weights_and_runs_import_no_network(run_folder, here):
    copy = run_folder(model=EVIL)
    for command in (
        ("evaluate", copy),
        ("evaluate", f"{copy}/best.safetensors"),
        ("predict", copy, "rooms/val/images/0.png"),
        ("predict", "run", "rooms/val/images/0.png", "--beside", copy),
    ):
        assert refused(here, *command) == f"the checkpoint '{copy}/best.safetensors' {REFUSAL}"


def test_a_run_imports_no_opener_of_a_dataset(run_folder, here):
    copy = run_folder(dataset="helpless:opener")
    line = refused(here, "evaluate", copy)
    assert line == REFUSAL.join(("a file ", "")).replace("os:system", "helpless:opener").replace(
        "import os", "import helpless"
    )


def test_a_baseline_imports_no_network(here):
    profile = make_profile()
    evil = dataclasses.replace(profile, model=Model(**EVIL))
    save(Baseline((evil,), profile.latency), "base.json")
    assert refused(here, "baseline", "update", "base.json") == f"the baseline {REFUSAL}"


def test_a_search_imports_no_network_and_no_dataset(here):
    found = json.loads(to_json(make_search()))
    opener = json.dumps(found | {"dataset": "helpless:opener"})
    for trial in found["trials"]:
        trial["model"] = "os:system,command=touch"
    Path("found").mkdir()
    Path("found/search.json").write_text(json.dumps(found | {"dataset": "rooms"}))
    assert refused(here, "search", "retrain", "found", "--seeds", "1").endswith(REFUSAL)
    Path("found/search.json").write_text(opener)
    assert "helpless:opener" in refused(here, "search", "retrain", "found", "--seeds", "1")


def test_a_result_is_shown_without_importing_what_it_names(here):
    evil = dataclasses.replace(make_profile(), model=Model(**EVIL))
    save(evil, "result.json")
    code, out, said = here("report", "result.json")
    assert (code, said) == (0, "")
    assert "os:system" in out
    assert not Path("pwned").exists()


def test_a_module_is_allowed_on_the_command_line_or_by_the_project(run_folder, here, folder):
    tiny = {"name": "ownnets:Tiny", "options": {}}
    copy = run_folder(model=tiny)
    weights = {"weight": torch.zeros(2, 3, 1, 1), "bias": torch.zeros(2)}
    path = Path(copy, "best.safetensors")
    save_file(weights, path, {"segbench": metadata_of(path)})
    assert "add --allow-import ownnets" in refused(here, "evaluate", copy)
    code, out, said = here("evaluate", copy, "--allow-import", "ownnets")
    assert code == 0, said
    assert out.startswith("ownnets:Tiny: mIoU ")
    (folder / "pyproject.toml").write_text('[tool.segbench]\nallow-import = ["ownnets"]\n')
    from zoo import allowed

    allowed._allowed_by_project.cache_clear()
    allowed._modules.discard("ownnets")
    code, out, said = here("evaluate", copy)
    assert (code, out.startswith("ownnets:Tiny: mIoU ")) == (0, True), said


def test_an_allowed_module_is_no_way_to_all_that_it_imports(here):
    for name in ("ownnets:system", "ownnets:nn.Conv2d", "ownnets:torch.hub.load"):
        Path("net.json").write_text(json.dumps({"name": name, "options": {}}))
        code, out, said = here(
            *("profile", "net.json", "--size", "8x8", "--repeats", "1", "--no-training"),
            *("--allow-import", "ownnets"),
        )
        assert (code, out) == (2, "")
        assert f"{name!r} leads to code of " in said
        assert said.count("\n") == 1


def test_what_the_user_names_on_the_command_line_is_allowed_by_that(here):
    code, out, said = here(
        *("profile", "ownnets:Tiny", "--size", "8x8", "--repeats", "1", "--no-training")
    )
    assert (code, out.splitlines()[0]) == (0, "ownnets:Tiny"), said


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("a b", "'a b' is no module to allow; write it as in an import: mypkg.nets"),
        ("", "'' is no module to allow; write it as in an import: mypkg.nets"),
        ("../nets", "'../nets' is no module to allow; write it as in an import: mypkg.nets"),
    ],
)
def test_what_is_no_module_cannot_be_allowed(here, given, line):
    assert refused(here, "profile", "segfast", "--allow-import", given) == line


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "[tool.segbench]\nallow-import = 3\n",
            'allow-import must be a list such as ["mypkg.nets"]',
        ),
        ('[tool.segbench]\nallow-import = ["a b"]\n', "allow-import has 'a b', which is no module"),
        ("[tool", "not TOML"),
        ("tool = 3\n", "not TOML"),
    ],
)
def test_a_project_that_allows_what_is_none_is_one_line(here, text, reason):
    Path("pyproject.toml").write_text(text)
    Path("net.json").write_text(json.dumps(EVIL))
    assert reason in refused(here, "profile", "net.json")


def test_the_present_folder_has_no_part_in_what_is_not_allowed(here):
    """A library that is missing is not taken from a file that lies there by chance."""
    Path("av.py").write_text("open('pwned', 'w').close()")
    Path("net.json").write_text(json.dumps({"name": "av:open", "options": {}}))
    refused(here, "profile", "net.json")


def test_a_builder_that_says_it_returns_no_network_is_not_called(here):
    Path("ownnets.py").write_text(
        "def tiny(classes=2) -> int:\n    open('pwned', 'w').close()\n    return 3\n"
    )
    line = refused(
        here, "train", "ownnets:tiny", "--dataset", "rooms", "--size", "32x32", "--epochs", "1"
    )
    assert line == "model 'ownnets:tiny' would give a 'int'; it must be a torch.nn.Module"
