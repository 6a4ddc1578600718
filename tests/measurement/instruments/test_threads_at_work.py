"""Threads that compute, by the CPU time that the kernel counts for each, in every engine."""

import os
import threading
import time

import pytest
from tasks import make_task

from segbench.measurement.instruments.thread_pools import count_computing, read_cpu_ns
from segbench.measurement.workers.supervisor import Worker
from segbench.runtimes import RUNTIMES
from segbench.runtimes.compilers import find_compiler

SIDE = 192
TRIES = 5


def burn(cpu_ns):
    began = time.thread_time_ns()
    while time.thread_time_ns() - began < cpu_ns:
        pass


def test_a_thread_has_the_cpu_time_that_it_took():
    ended = threading.Event()

    def work():
        burn(20_000_000)
        ended.set()
        threading.Event().wait(10)  # it is there until the process ends

    before = read_cpu_ns()
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert ended.wait(60)
    after = read_cpu_ns()
    number = thread.native_id
    assert number not in before
    assert 20_000_000 <= after[number] < 30_000_000


def test_threads_that_did_next_to_nothing_are_not_counted():
    assert count_computing({}, {}) is None
    assert count_computing({7: 5}, {7: 5}) is None
    assert count_computing({}, {1: 100, 2: 5, 3: 4}) == 2
    assert count_computing({1: 1000}, {1: 1001, 2: 100}) == 1


def computing_in(runtime, threads):
    task = make_task("segfast", runtime=runtime, threads=threads, height=SIDE, width=SIDE)
    with Worker(task, "timing") as worker:
        worker.receive()
        worker.ask("warm_up", work="inference")
        return worker.ask("state")["threads"]["computing"]


@pytest.mark.measures
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_engine_computes_with_as_many_threads_as_are_asked_for(runtime):
    for package in RUNTIMES[runtime].packages:
        pytest.importorskip(package)
    if RUNTIMES[runtime].compiles and find_compiler() is None:
        pytest.skip("it needs a C++ compiler")
    assert computing_in(runtime, 1) == 1
    # On a busy machine the other thread may come too late, and find nothing left to do.
    found = [computing_in(runtime, 2)]
    while found[-1] != 2 and len(found) < TRIES:
        found.append(computing_in(runtime, 2))
    if max(found) < 2 and os.getloadavg()[0] > (os.cpu_count() or 1):
        pytest.skip("other processes kept all CPUs busy")
    assert max(found) == 2


@pytest.mark.measures
def test_threads_that_a_network_takes_beyond_those_are_seen():
    name = "nets_for_inference:SetsThreads"
    task = make_task(name, height=256, width=256, allow=("nets_for_inference",))
    with Worker(task, "timing") as worker:
        worker.receive()
        worker.ask("warm_up", work="inference")
        assert worker.ask("state")["threads"]["computing"] == 3
