"""Real worker processes: their threads, their lives and deaths, and the networks of users."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from commands import segbench_here
from processes_for_tests import PATIENCE_S, SUPPORT, is_gone, task_of, wait_until
from tasks import make_task

from segbench.errors import MeasurementError, UsageError
from segbench.measurement.settings import Settings
from segbench.measurement.workers.protocol import NO_NETWORK, Task
from segbench.measurement.workers.supervisor import Question, Worker, ask_once
from segbench.results.profile import Latencies
from segbench.results.report import render
from segbench.results.store import from_json, load

pytestmark = pytest.mark.measures


def test_a_worker_has_the_threads_that_were_asked_for():
    task = make_task("segfast", height=64, width=64, threads=2, classes=5)
    with Worker(task, "timing") as worker:
        worker.receive()
        given = Path(f"/proc/{worker.pid}/environ").read_bytes().split(b"\0")
        assert b"OMP_NUM_THREADS=2" in given
        assert b"MKL_NUM_THREADS=2" in given
        worker.ask("warm_up", work="inference")
        state = worker.ask("state")
        counted = len(list(Path(f"/proc/{worker.pid}/task").iterdir()))
    # So small a network may leave the second thread next to nothing to do.
    assert state["threads"].pop("computing") in {1, 2}
    assert state["threads"] == {"intra_op": 2, "inter_op": 1, "os_threads": counted}
    assert counted >= 2
    assert state["classes"] == 5
    assert state["model"] == {"name": "segfast", "options": {"classes": 5}}


def test_every_pool_of_a_worker_has_the_threads_asked_for_even_if_there_are_fewer_cpus():
    seen = ask_once(Question(Task(NO_NETWORK, threads=5), "threads", "read"))
    assert seen["threads"]["intra_op"] == 5
    assert seen["threads"]["inter_op"] == 1
    assert {pool["threads"] for pool in seen["pools"] if pool["api"] == "openmp"} == {5}


SUPERVISOR = """
import sys, time
from segbench.measurement.workers.supervisor import Question, Worker
from segbench.measurement.workers.protocol import NO_NETWORK, Task
worker = Worker(Task(NO_NETWORK), "threads")
worker.receive()
print(worker.pid, flush=True)
time.sleep(600)
"""


def test_a_worker_dies_with_a_supervisor_that_is_killed():
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, text=True
    )
    try:
        pid = int(supervisor.stdout.readline())
        assert not is_gone(pid)
        supervisor.kill()
        supervisor.wait()
        wait_until(lambda: is_gone(pid))
    finally:
        supervisor.kill()
        supervisor.communicate()


def test_a_worker_that_is_killed_is_a_measurement_that_failed():
    with Worker(task_of("Pointwise"), "timing") as worker:
        worker.receive()
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(MeasurementError) as caught:
            worker.ask("warm_up", work="inference")
    assert str(caught.value) == (
        "the worker that measured 'nets_for_tests:Pointwise' was killed by SIGKILL; most often the "
        "system was out of memory: try a smaller --size or --batch"
    )


@pytest.mark.usefixtures("forked")
def test_a_network_that_ends_its_process_is_a_measurement_that_failed():
    with pytest.raises(MeasurementError) as caught:
        ask_once(Question(task_of("Exits"), "timing", "warm_up", {"work": "inference"}))
    assert str(caught.value) == (
        "the worker that measured 'nets_for_tests:Exits' ended by itself with code 3; see --debug "
        "for its last words"
    )


PREPARED = """
import os
import sys
from segbench.measurement.instruments.timing import TimingInstrument
from segbench.measurement.settings import Settings
instrument = TimingInstrument(Settings.of(size=(64, 64), threads=1).task("segfast"))
for works in ([], ["training"]):
    if pid := os.fork():
        os.waitpid(pid, 0)
        continue
    for work in works:
        assert instrument.preload(work) == {}
    instrument.warm_up("inference")
    before = len(sys.modules)
    instrument.warm_up("training")
    print(len(sys.modules) - before, flush=True)
    os._exit(0)
"""


def test_a_worker_that_is_prepared_has_imported_what_a_training_step_needs():
    command = [sys.executable, "-c", PREPARED]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    unprepared, prepared = map(int, done.stdout.split())
    assert unprepared > 100
    assert prepared < unprepared / 20


def test_a_worker_that_is_closed_leaves_no_process():
    with Worker(Task(NO_NETWORK), "threads") as worker:
        pid = worker.pid
    assert is_gone(pid)


@pytest.mark.parametrize(
    ("builder", "kind", "text"),
    [
        (
            "ReturnsLabels",
            UsageError,
            (
                "network 'nets_for_tests:ReturnsLabels,classes=22' returned a torch.int64 tensor "
                "of size (1, 64, 64); segbench needs a floating map of logits (1, classes, "
                "height, width), alone or in a dict, tuple or object: wrap it in a module that "
                "returns that"
            ),
        ),
        (
            "RaisesInForward",
            MeasurementError,
            (
                "network 'nets_for_tests:RaisesInForward,classes=22' failed on an input of "
                "1x3x64x64: RuntimeError: the bridge is out for 4 axes"
            ),
        ),
    ],
)
@pytest.mark.usefixtures("forked")
def test_a_network_that_cannot_be_measured_is_refused_in_one_line(builder, kind, text):
    with pytest.raises(kind) as caught:
        ask_once(Question(task_of(builder), "timing", "warm_up", {"work": "inference"}))
    assert str(caught.value) == text
    assert "Traceback" in "".join(caught.value.__notes__)


@pytest.mark.usefixtures("forked")
def test_a_network_that_fails_in_training_alone_is_named_too():
    with Worker(task_of("RaisesInTraining"), "timing") as worker:
        worker.receive()
        assert worker.ask("warm_up", work="inference")["calls"] > 1
        with pytest.raises(MeasurementError) as caught:
            worker.ask("warm_up", work="training")
    assert "RuntimeError: there is no training here" in str(caught.value)
    assert "nets_for_tests:RaisesInTraining" in str(caught.value)


@pytest.mark.usefixtures("forked")
def test_a_network_may_print_without_disturbing_the_protocol():
    with Worker(task_of("Prints"), "timing") as worker:
        worker.receive()
        worker.ask("warm_up", work="inference")
        reply = worker.ask("block", work="inference", seconds=0.01, discard_first=True)
    assert len(reply["samples_s"]["forward"]) >= 1
    assert len(reply["samples_s"]["forward"]) == len(reply["minor_faults"]["forward"])


def test_a_network_that_reads_standard_input_finds_it_empty():
    with Worker(task_of("ReadsStandardInput"), "timing") as worker:
        worker.receive()
        worker.send({"do": "warm_up", "work": "inference"})
        # It would wait for ever where it shares standard input with the protocol.
        answered, _, _ = select.select([worker._process.stdout], [], [], 10.0)
        assert answered
        assert worker.receive()["calls"] > 1


@pytest.mark.usefixtures("forked")
def test_a_misspelt_option_is_refused_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        ask_once(Question(task_of("Pointwise", clases=3), "timing", "state"))
    assert "unknown option 'clases'" in str(caught.value)
    assert "did you mean 'classes'?" in str(caught.value)
    assert "nets_for_tests:Pointwise" in str(caught.value)


@pytest.mark.usefixtures("forked")
def test_a_file_that_is_no_picture_is_refused(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("these are notes")
    task = Settings.of(size=(64, 64), threads=1, input=path).task("nets_for_tests:Pointwise")
    with pytest.raises(UsageError) as caught:
        ask_once(Question(task, "timing", "state"))
    # The formats at its end are those that this Pillow was built with.
    assert str(caught.value).startswith(
        f"cannot read picture {str(path)!r}: no picture that Pillow reads as "
    )


@pytest.mark.usefixtures("forked")
def test_subnormal_weights_and_activations_are_counted():
    found = ask_once(Question(task_of("TinyWeights"), "inspection", "inspect", {"strict": True}))
    # 5 classes of 3 weights and a bias; every logit is a sum of those, about 1e-40
    assert found["params"] == 5 * 3 + 5
    assert found["subnormals"]["weights"] == 5 * 3 + 5
    assert 0 < found["subnormals"]["activations"] <= 5 * 64 * 64


FAILS = ("profile", "nets_for_tests:RaisesInForward", "--size", "64x64")


@pytest.mark.usefixtures("forked")
def test_a_network_that_fails_ends_the_command_with_5_and_no_traceback():
    done = segbench_here(*FAILS, folder=SUPPORT)
    assert done.returncode == 5
    assert done.stdout == ""
    assert done.stderr == (
        "segbench: network 'nets_for_tests:RaisesInForward,classes=22' failed on an input of "
        "1x3x64x64: RuntimeError: the bridge is out for 4 axes\n"
    )


@pytest.mark.usefixtures("forked")
def test_debug_shows_where_in_the_users_network_it_failed():
    done = segbench_here(*FAILS, "--debug", folder=SUPPORT)
    assert done.returncode == 5
    assert "and a second line" in done.stderr
    assert "nets_for_tests.py" in done.stderr


@pytest.mark.usefixtures("forked")
def test_a_network_is_found_in_the_folder_where_the_command_runs(tmp_path):
    (tmp_path / "only_here.py").write_text(
        "from torch import nn\n\ndef made(outputs: int = 4):\n    return nn.Conv2d(3, outputs, 1)\n"
    )
    done = segbench_here("profile", "only_here:made,outputs=x", "--size", "64x64", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "segbench: option 'outputs' of model 'only_here:made' must be a whole number, got 'x'\n"
    )


FROZEN = """
from torch import nn


class Frozen(nn.Conv2d):
    def __init__(self, classes: int = 5) -> None:
        super().__init__(3, classes, 1)
        self.requires_grad_(False)
"""


@pytest.mark.usefixtures("quick")
def test_a_network_that_cannot_be_trained_is_profiled_without_training(tmp_path):
    (tmp_path / "frozen.py").write_text(FROZEN)
    done = segbench_here(
        "profile", "frozen:Frozen,classes=5", "--size", "64x64", "--threads", "1", "--repeats", "1",
        "--no-training", "--output", "a.json", "--output", "a.csv", "--output", "a.md",
        folder=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "written to a.json, a.csv, a.md\n")
    profile = load(tmp_path / "a.json")
    assert (profile.params, profile.params_trainable) == (20, 0)  # 5 x 3 weights and 5 biases
    assert (profile.macs.forward, profile.macs.backward) == (5 * 3 * 64 * 64, 0)
    assert profile.saved_activations_bytes == 0
    assert profile.memory.forward_peak_bytes > 0
    assert profile.memory.train_peak_bytes is None
    assert len(profile.latency.forward.blocks) == 4
    assert profile.latency == Latencies(forward=profile.latency.forward)
    assert (tmp_path / "a.csv").read_text() == render(profile, "csv")
    assert (tmp_path / "a.md").read_text() == render(profile, "markdown")
    assert done.stdout == render(profile, "table")


@pytest.mark.usefixtures("quick")
def test_a_network_that_cannot_be_trained_is_profiled_and_says_why_it_was_not(tmp_path):
    (tmp_path / "frozen.py").write_text(FROZEN)
    done = segbench_here(
        "profile", "frozen:Frozen", "--size", "64x64", "--repeats", "1", "--format", "json",
        folder=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    profile = from_json(done.stdout, source="it")
    assert profile.latency == Latencies(forward=profile.latency.forward)
    assert profile.withheld == {
        "training": "network 'frozen:Frozen,classes=22' has no parameter that can be trained; set "
        "requires_grad on those that are to be"
    }


def start_command(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "segbench", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=SUPPORT,
    )


def workers_of(process):
    return psutil.Process(process.pid).children(recursive=True)


def interrupt(process):
    """Send Ctrl-C; return what the command said, and hold that its workers are gone."""
    workers = workers_of(process)
    assert workers
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=PATIENCE_S)
    # One that had just been forked finds its parent gone as soon as it runs.
    wait_until(lambda: all(is_gone(worker.pid) for worker in workers))
    return out, said


def test_ctrl_c_before_anything_is_known_leaves_no_process():
    process = start_command("profile", "segnet", "--size", "64x64")
    try:
        wait_until(lambda: workers_of(process))
        out, said = interrupt(process)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert out == ""
    assert said.strip() == "segbench: interrupted; nothing was measured"


def test_ctrl_c_while_timing_shows_what_was_measured_and_leaves_no_process():
    process = start_command(
        *("profile", "nets_for_tests:Pointwise", "--size", "64x64", "--repeats", "50"),
        "--no-training",
    )
    try:
        wait_until(lambda: len(workers_of(process)) == 2)  # counts and weighs
        weighing = {worker.pid for worker in workers_of(process)}
        wait_until(lambda: (now := {w.pid for w in workers_of(process)}) and not now & weighing)
        out, said = interrupt(process)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert "parameters" in out
    assert "interrupted; what is shown was measured, the rest is missing" in " ".join(out.split())
    assert said.strip() == "segbench: interrupted; above is what was measured until then"
