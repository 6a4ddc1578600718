"""Commands that measure nothing start without torch."""

import subprocess
import sys

import pytest
from made_up_results import make_check, make_comparison, make_profile

from segbench.results.store import save

CODE = """
import sys
from segbench.cli import main
try:
    main(sys.argv[1:])
finally:
    loaded = {name for name in ("torch", "fvcore", "scipy", "optuna") if name in sys.modules}
    print("loaded:", *sorted(loaded), file=sys.stderr)
"""


def run(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


@pytest.fixture
def folder(tmp_path):
    save(make_profile(), tmp_path / "profile.json")
    save(make_comparison(), tmp_path / "comparison.json")
    save(make_check(), tmp_path / "check.json")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--help"], "Usage:"),
        (["profile", "--help"], "--threads"),
        (["compare", "--help"], "--precision"),
        (["check", "--help"], "--against"),
        (["baseline", "--help"], "update"),
        (["--version"], "segbench 0."),
        (["models"], "603,288"),
        (["report", "profile.json"], "603,288"),
        (["report", "comparison.json"], "times segfast"),
        (["report", "comparison.json", "--format", "markdown"], "| segfast |"),
        (["report", "profile.json", "--format", "csv"], "segfast,1,3,224,224"),
        (["report", "check.json"], "over"),
        (["report", "check.json", "--format", "junit"], "<testsuites"),
    ],
)
def test_a_command_that_measures_nothing_loads_nothing_heavy(arguments, word, folder):
    done = run(*arguments, cwd=folder)
    assert done.returncode == 0
    assert word in done.stdout
    assert done.stderr == "loaded:\n"


def test_an_error_is_found_before_anything_heavy_is_loaded(folder):
    done = run("profile", "segfas", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "loaded:"


def test_a_module_run_by_name_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "segbench", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("segbench ")


@pytest.mark.parametrize(
    "module",
    [
        "segbench",
        "segbench.budgets.baselines",
        "segbench.budgets.check",
        "segbench.cli.app",
        "segbench.cli.pytest_plugin",
        "segbench.measurement.profile",
        "segbench.measurement.workers.supervisor",
        "segbench.results.comparison",
        "segbench.results.report",
        "segbench.results.store",
        "zoo",
    ],
)
def test_importing_a_module_of_the_supervisor_leaves_torch_out(module):
    code = f"import sys, {module}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
