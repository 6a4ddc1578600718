"""Engines that report their use when they are imported do not, where segbench imports them."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("engine", ["onnxruntime", "onnxruntime_layers"])
def test_an_engine_leaves_nothing_in_home_and_temporary_folders(engine, tmp_path):
    pytest.importorskip("onnxruntime")
    places = [tmp_path / "home", tmp_path / "tmp"]
    for place in places:
        place.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    for name in ("ORT_DISABLE_TELEMETRY", "NNCF_CI"):
        kept.pop(name, None)
    subprocess.run(
        [sys.executable, "-c", f"import segbench.runtimes.{engine}"],
        check=True,
        env={**kept, "HOME": str(places[0]), "TMPDIR": str(places[1])},
    )
    assert [list(place.iterdir()) for place in places] == [[], []]
