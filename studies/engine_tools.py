"""Does an engine take as long in segbench as in its own tool, and in a loop outside of segbench?

Question: is a latency that segbench gives the engine's own, or has it something of segbench in it?
Source: OpenVINO's benchmark_app, with one stream and latency mode, as it comes with the package.
Cost: 6 rounds took three minutes on 2 cores of an AMD EPYC (2026-12-01).
Result: segbench over benchmark_app 1.003 (0.981 - 1.025), over a loop of ONNX Runtime whose threads
sleep 1.057 (0.913 - 1.223), and over one whose threads spin 1.135 (1.109 - 1.162).

    python -m studies.engine_tools --rounds 6

SegFast is exported once for each engine. In every round each way of measuring runs in a process of
its own, in a random order, and gives the median of its calls. Ratios are of medians of one round.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from segbench.measurement.export import export
from segbench.measurement.host.cpus import effective_cpus
from segbench.results.statistics import ratio_interval, ratio_of

SECONDS = 4
LOOP = """
import sys, time, statistics
import numpy as np, onnxruntime as ort
path, threads, seconds, spins = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
options = ort.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
options.add_session_config_entry("session.intra_op.allow_spinning", spins)
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
[port] = session.get_inputs()
images = {port.name: np.random.default_rng(0).standard_normal(port.shape).astype(np.float32)}
for _ in range(10):
    session.run(None, images)
calls, ends = [], time.perf_counter() + seconds
while time.perf_counter() < ends:
    began = time.perf_counter()
    session.run(None, images)
    calls.append(time.perf_counter() - began)
print(statistics.median(calls))
"""


@dataclass(frozen=True)
class Ways:
    """Ways to time a graph file; each returns the median of its calls in seconds."""

    threads: int

    def segbench(self, path: Path) -> float:
        """As ``segbench profile`` does, in one round."""
        asked = ["profile", str(path), "--threads", str(self.threads), "--repeats", "1"]
        said = _run([sys.executable, "-m", "segbench", *asked, "--no-training", "--format", "json"])
        return float(json.loads(said)["latency"]["forward"]["p50_s"])

    def benchmark_app(self, path: Path) -> float:
        """With OpenVINO's tool: one stream, one request, in single precision, pinned to nothing."""
        tool = Path(sys.executable).parent / "benchmark_app"
        options = (
            f"-m {path} -d CPU -hint none -nstreams 1 -api sync -infer_precision f32 "
            f"-nthreads {self.threads} -pin NO -t {SECONDS}"
        )
        said = _run([str(tool), *options.split()])
        found = re.search(r"Median:\s+([\d.]+) ms", said)
        if found is None:
            raise SystemExit(f"benchmark_app says no median: {said}")
        return float(found[1]) / 1000

    def loop(self, path: Path) -> float:
        """With ONNX Runtime alone, whose threads sleep at once as segbench has them."""
        return self._loop(path, spins="0")

    def spinning_loop(self, path: Path) -> float:
        """Likewise, as the engine comes: its threads spin while they wait."""
        return self._loop(path, spins="1")

    def _loop(self, path: Path, *, spins: str) -> float:
        given = [str(path), str(self.threads), str(SECONDS), spins]
        return float(_run([sys.executable, "-c", LOOP, *given]))


def _run(command: list[str]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return ended.stdout


def measure(ways: Mapping[str, Callable[[Path], float]], path: Path, rounds: int) -> None:
    """Print the ratio of the first way to every other."""
    rng = random.Random(0)  # noqa: S311 - an order, not a secret
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name in rng.sample(sorted(ways), len(ways)):
            found[name].append(ways[name](path))
    first, *others = ways
    for other in others:
        ratios = [[a / b] for a, b in zip(found[first], found[other], strict=True)]
        low, high = ratio_interval(ratios) or (0.0, 0.0)
        said = f"{ratio_of(ratios):.3f} ({low:.3f} - {high:.3f})"
        print(f"{path.name}: {first} over {other} {said}", flush=True)  # noqa: T201


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--model", default="segfast")
    given = parser.parse_args()
    ways = Ways(effective_cpus())
    with tempfile.TemporaryDirectory() as folder:
        onnx, xml = Path(folder, "net.onnx"), Path(folder, "net.xml")
        export(given.model, onnx, to="onnx")
        export(given.model, xml, to="openvino")
        measure({"segbench": ways.segbench, "benchmark_app": ways.benchmark_app}, xml, given.rounds)
        onnx_ways = {
            "segbench": ways.segbench, "loop": ways.loop, "spinning loop": ways.spinning_loop,
        }  # fmt: skip
        measure(onnx_ways, onnx, given.rounds)


if __name__ == "__main__":
    main()
