"""The wheel holds the three packages, and works where it is unpacked."""

import configparser
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from zoo.pretrained import PRETRAINED

PROGRAM = """
import segbench, zoo
print(segbench.__file__, zoo.__file__)
print(segbench.profile("segfast", size=(64, 64), repeats=1).params)
"""
PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(PROJECT)], check=True, capture_output=True)
    (built,) = folder.glob("segbench-*.whl")
    return built


def test_the_wheel_holds_the_three_packages_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"segbench", "zoo", "studies"}
    assert {"segbench/py.typed", "zoo/py.typed", "zoo/segfast.py"} <= set(names)


def test_every_module_of_the_tree_is_in_the_wheel(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {
        str(path.relative_to(PROJECT))
        for package in ("segbench", "zoo", "studies")
        for path in (PROJECT / package).rglob("*.py")
    }
    assert modules <= names


def test_the_schemas_and_the_entry_points_are_in_the_wheel(wheel):
    archive = zipfile.ZipFile(wheel)
    names = set(archive.namelist())
    home = "segbench/results/schemas"
    schemas = {f"{home}/{path.name}" for path in (PROJECT / home).glob("*.json")}
    assert {f"{home}/profile-1.json", f"{home}/check-1.json"} <= schemas <= names
    assert "segbench/results/accuracy.json" in names
    (listed,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
    points = configparser.ConfigParser()
    points.read_string(archive.read(listed).decode())
    assert dict(points["console_scripts"]) == {"segbench": "segbench.cli:main"}
    assert dict(points["pytest11"]) == {"segbench": "segbench.cli.pytest_plugin"}


def test_the_networks_that_come_along_are_in_the_wheel_and_it_stays_small(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"zoo/pretrained/{name}.safetensors" for name in PRETRAINED} <= set(names)
    assert wheel.stat().st_size < 3e6


@pytest.mark.measures
def test_the_installed_wheel_measures_from_another_directory(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*command, str(site), str(wheel)], check=True, capture_output=True)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PROGRAM,
        ],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=True,
        capture_output=True,
        text=True,
    )
    files, params = done.stdout.splitlines()
    assert all(Path(file).is_relative_to(site) for file in files.split())
    assert params == "603288"
