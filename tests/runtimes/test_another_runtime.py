"""A runtime that is not eager: its preparation is no part of the first call, nor of the peak."""

import json
import subprocess
import sys

import pytest
from slow_runtime import PREPARE_BYTES, PREPARE_S
from tasks import make_task

from segbench.errors import UsageError
from segbench.measurement.instruments.inspection import InspectionInstrument
from segbench.measurement.instruments.layer_times import LayersInstrument
from segbench.measurement.instruments.peak_memory import MemoryInstrument
from segbench.measurement.instruments.timing import TimingInstrument
from segbench.measurement.run import Run
from segbench.measurement.workers.supervisor import RETURNING_ALLOCATOR
from segbench.progress import ignore_progress
from segbench.runtimes import RUNTIMES, Runtime

SIDE = 64
ALONE = "slow runs inference alone; eager trains in single precision"
MEASURE = """
import json, os, sys
sys.path[:0] = {path!r}
import torch
from segbench.runtimes import RUNTIMES, Runtime
RUNTIMES["slow"] = Runtime("slow_runtime:prepare")
from segbench.measurement.instruments.peak_memory import MemoryInstrument
from tasks import make_task
for runtime in ("eager", "slow"):
    if os.fork() == 0:
        task = make_task("segnet-basic", runtime=runtime, height=64, width=64)
        print(json.dumps(MemoryInstrument(task).measure(training=False)), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    monkeypatch.setitem(RUNTIMES, "slow", Runtime("slow_runtime:prepare"))


def task(name="segfast"):
    return make_task(name, runtime="slow", height=SIDE, width=SIDE)


def test_preparing_is_no_part_of_the_first_call():
    found = TimingInstrument(task()).warm_up("inference")
    assert found["prepare_s"] >= PREPARE_S
    assert found["first_call_s"]["forward"] < PREPARE_S


@pytest.mark.measures
def test_preparing_is_no_part_of_the_peak_of_an_inference():
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(path=sys.path)],
        env={**RETURNING_ALLOCATOR, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    eager, slow = map(json.loads, done.stdout.splitlines())
    assert eager["preparation_peak_bytes"] < PREPARE_BYTES / 10
    assert slow["preparation_peak_bytes"] == pytest.approx(PREPARE_BYTES, rel=0.1)
    # The network itself was called once before, which leaves the libraries' own caches.
    assert slow["forward_peak_bytes"] == pytest.approx(eager["forward_peak_bytes"], rel=0.25)


def test_training_and_layers_are_refused_in_a_sentence():
    found = InspectionInstrument(task()).inspect(strict=False)
    assert found["withheld"] == {"training": ALONE}
    assert (found["macs"]["backward"], found["subnormals"]["activations"]) == (None, None)
    assert found["macs"]["forward"] is not None
    with pytest.raises(UsageError) as caught:
        LayersInstrument(task()).measure()
    assert str(caught.value) == (
        "runtime 'slow' has no profile of its layers; measure layers with eager, onnxruntime or "
        "openvino"
    )


def test_a_run_neither_weighs_nor_times_its_training():
    run = Run([task()], "noise", ignore_progress)
    run.inspections = [InspectionInstrument(task()).inspect(strict=False)]
    run.memories = [MemoryInstrument(task()).measure(training=False)]
    assert not run._is_trained(run.tasks[0])
    profile = run.profiles(complete=True)[0]
    assert profile.label == "segfast@slow"
    assert profile.withheld == {"training": ALONE}
    assert profile.workload.runtime == "slow"
