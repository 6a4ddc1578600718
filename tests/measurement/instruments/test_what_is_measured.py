"""Measurements of what is known beforehand: bytes, page faults, threads, the supervisor's cost."""

import statistics
from functools import partial
from pathlib import Path

import pytest
from tasks import make_task

import segbench
import zoo
from segbench.measurement.settings import Settings
from segbench.measurement.workers.supervisor import Question, Worker, ask_once
from segbench.results.profile import PHASES
from segbench.results.store import to_json
from segbench.runtimes import RUNTIMES
from segbench.runtimes.compilers import find_compiler

pytestmark = pytest.mark.measures

MIB = 1 << 20
KNOWN = 256 * MIB


@pytest.fixture(scope="module")
def profile():
    """A whole run over a network of 20 parameters, with two threads and its layers."""
    return segbench.profile(
        "nets_for_tests:Pointwise,classes=5",
        size=(64, 64),
        repeats=1,
        threads=2,
        layers=True,
    )


def test_the_size_and_work_of_a_pointwise_convolution(profile):
    assert profile.params == 5 * 3 + 5
    assert profile.weights_bytes == 4 * 20
    assert profile.macs.forward == 5 * 3 * 64 * 64
    assert profile.uncounted_ops == {}
    assert profile.workload.classes == 5


def test_every_phase_was_measured_in_every_block(profile):
    blocks = {phase: len(getattr(profile.latency, phase).blocks) for phase in PHASES}
    assert blocks == {"forward": 4, "forward_train": 2, "backward": 2, "optimizer": 2}
    for phase in PHASES:
        latency = getattr(profile.latency, phase)
        assert sum(block.count for block in latency.blocks) == len(latency.samples_s)
        assert min(latency.samples_s) <= latency.p50_s <= max(latency.samples_s)
        low, high = latency.ci95_s
        assert low <= latency.p50_s <= high


def test_the_threads_of_a_profile_are_those_that_the_worker_had(profile):
    threads = profile.workload.threads
    assert (threads.requested, threads.intra_op, threads.inter_op) == (2, 2, 1)
    assert threads.oversubscribed is (threads.effective_cpus < 2)
    assert threads.os_threads >= 2


def test_the_supervisor_takes_at_most_a_hundredth_of_a_core_while_timing(profile):
    assert 0 <= profile.supervisor_cpu_share <= 0.01


def test_the_shares_of_the_layers_add_up_to_one(profile):
    layers = profile.layers.layers
    assert [layer.name for layer in layers] == ["classify"]
    assert sum(layer.share for layer in layers) == pytest.approx(1)
    assert layers[0].macs == 5 * 3 * 64 * 64
    assert layers[0].output_shape == (1, 5, 64, 64)


def test_a_measured_profile_survives_a_file(profile, tmp_path):
    segbench.save(profile, tmp_path / "a.json")
    assert segbench.load(tmp_path / "a.json") == profile


def test_a_profile_holds_no_name_of_the_machine_or_its_user(profile):
    assert str(Path.home()) not in to_json(profile)


def forward_peak():
    task = Settings.of(size=(64, 64), threads=1).task("nets_for_tests:Fills256MiB,classes=5")
    return ask_once(Question(task, "memory", "measure"))["forward_peak_bytes"]


def test_a_known_256_mib_are_found_and_repeat_whatever_the_parent_holds():
    # Input and logits are 64 x 64 x (3 + 5) x 4 bytes = 128 KiB: the rest that belongs to it.
    rest = 64 * 64 * 8 * 4
    first, second = forward_peak(), forward_peak()
    assert first == pytest.approx(KNOWN + rest, rel=0.02)
    assert second == pytest.approx(first, rel=0.01)
    ballast = b"\x01" * (700 * MIB)
    beside_ballast = forward_peak()
    assert len(ballast) == 700 * MIB
    assert beside_ballast == pytest.approx(first, rel=0.01)


def page_faults(name, allocator):
    """Return the faults of each call, of five or more even where the machine is busy."""
    name, _, runtime = name.partition("@")
    threads = Settings().thread_count
    task = make_task(name, runtime=runtime or "eager", threads=threads, allocator=allocator)
    with Worker(task, "timing") as worker:
        worker.receive()
        worker.ask("warm_up", work="inference")
        block = partial(worker.ask, "block", work="inference", seconds=0.2, discard_first=False)
        return [faults for _ in range(5) for faults in block()["minor_faults"]["forward"]]


@pytest.mark.parametrize("name", zoo.models(tag="paper"))
def test_warmed_up_inference_takes_no_page_faults(name):
    # In the default workload; a single call may be unlucky, as when Python's own heap grows.
    faults = page_faults(name, "steady")
    assert statistics.median(faults) == 0
    assert faults.count(0) >= len(faults) - 1


@pytest.mark.parametrize("runtime", [name for name, row in RUNTIMES.items() if name != "eager"])
def test_engines_take_no_page_faults_that_matter_in_a_call(runtime):
    for package in RUNTIMES[runtime].packages:
        pytest.importorskip(package)
    if RUNTIMES[runtime].compiles and find_compiler() is None:
        pytest.skip("it needs a C++ compiler")
    # A call of SegFast takes milliseconds, in which tens of faults would matter.
    assert statistics.median(page_faults(f"segfast@{runtime}", "steady")) <= 1


def test_the_systems_allocator_does_take_page_faults():
    assert statistics.median(page_faults("segfast", "system")) > 0
