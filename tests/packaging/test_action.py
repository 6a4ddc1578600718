"""The GitHub action: its step, run as GitHub would run it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
BUDGET = '[workload]\nsize = "64x64"\n[[budget]]\nmodel = "segfast"\nlimits = ["params <= {}"]\n'


def run_step(folder, **inputs):
    """Run the step that checks, in a folder, with its inputs and their defaults."""
    step = STEPS["Check budgets"]
    values = {name: given["default"] for name, given in ACTION["inputs"].items()} | inputs
    environment = {
        name: values[text.removeprefix("${{ inputs.").removesuffix(" }}")]
        for name, text in step["env"].items()
    }
    summary = folder / "summary.md"
    on_github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],  # noqa: S607
        cwd=folder,
        env={**os.environ, **environment, **on_github, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_input_reaches_the_step_and_has_a_description():
    used = set(STEPS["Check budgets"]["env"].values())
    assert used == {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"] if name != "install"}
    assert all(given["description"] for given in ACTION["inputs"].values())
    assert all(step["shell"] == "bash" for step in STEPS.values())


@pytest.mark.measures
def test_what_is_within_budget_passes_and_leaves_its_reports(tmp_path):
    (tmp_path / "budgets.toml").write_text(BUDGET.format(603_288), encoding="utf-8")
    done = run_step(tmp_path)
    assert done.returncode == 0, done.stderr
    places = {
        name: value["value"].replace("${{ inputs.output }}", ACTION["inputs"]["output"]["default"])
        for name, value in ACTION["outputs"].items()
    }
    saved = json.loads((tmp_path / places["json"]).read_text(encoding="utf-8"))
    assert saved["verdict"] == "within"
    assert "<testcase" in (tmp_path / places["junit"]).read_text(encoding="utf-8")
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").startswith("## ✅ within budget")


@pytest.mark.measures
def test_what_is_over_budget_fails_the_step_with_an_annotation_at_its_line(tmp_path):
    (tmp_path / "mine.toml").write_text(BUDGET.format(603_287), encoding="utf-8")
    done = run_step(tmp_path, budget="mine.toml", output="out put")
    assert done.returncode == 1
    assert "::error file=mine.toml,line=5,title=over budget::" in done.stderr
    assert (tmp_path / "out put" / "segbench.json").is_file()


def test_models_without_anything_to_hold_them_to_are_refused(tmp_path):
    done = run_step(tmp_path, models="segfast")
    assert done.returncode == 2
    assert done.stderr == (
        "segbench: no limit is given for model 'segfast'; add --limit "
        '"latency.forward.p50_s <= 40 ms", or --against a revision\n'
    )
