"""The processes of a round: forked from one that has imported what they need, or started alone."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from processes_for_tests import SMALL, is_gone, task_of, wait_until

from segbench.errors import MeasurementError, UsageError
from segbench.measurement.workers.pool import WorkerPool, start_pools

pytestmark = pytest.mark.measures

FORKS_AND_NOT = pytest.mark.parametrize(
    "forks",
    [
        pytest.param(True, marks=pytest.mark.skipif(sys.platform != "linux", reason="forks")),
        False,
    ],
)


def processes():
    """Return all processes below this one that still run."""
    return {
        child.pid
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE
    }


def read_maps(pid):
    """Return where a process has its shared libraries."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {line.split()[-1]: line.split("-")[0] for line in reversed(lines) if ".so" in line}


@FORKS_AND_NOT
def test_the_workers_of_a_pool_are_processes_of_their_own_that_measure(forks):
    before = processes()
    tasks = [task_of("Pointwise"), task_of("Prints")]
    (pool,) = start_pools(tasks, 1, training=True, forks=forks)
    try:
        workers = pool.open(tasks)
        pids = {worker.pid for worker in workers}
        assert len(pids) == 2
        assert pids <= processes()
        for worker in workers:
            for work in ("inference", "training"):
                assert worker.ask("warm_up", work=work)["calls"] > 1
            reply = worker.ask("block", work="inference", seconds=0.01, discard_first=False)
            assert len(reply["samples_s"]["forward"]) >= 1
        states = [worker.ask("state") for worker in workers]
        assert [state["threads"]["intra_op"] for state in states] == [1, 1]
        assert [state["model"]["name"] for state in states] == [
            "nets_for_tests:Pointwise", "nets_for_tests:Prints",
        ]  # fmt: skip
    finally:
        pool.close()
    assert processes() == before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked")
def test_workers_share_addresses_with_those_of_their_round_and_with_no_others():
    task = task_of("Pointwise")
    pools = start_pools([task], 2, training=False)
    try:
        one, other = pools[0].open([task] * 2)
        (later,) = pools[1].open([task])
        maps = [read_maps(worker.pid) for worker in (one, other, later)]
    finally:
        for pool in pools:
            pool.close()
    torch = next(name for name in maps[0] if name.endswith("libtorch_cpu.so"))
    assert maps[0][torch] == maps[1][torch] != maps[2][torch]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked")
def test_torch_is_imported_once_for_all_workers_with_one_environment():
    tasks = [task_of("Pointwise"), task_of("Prints")]
    other = replace(tasks[0], threads=2)
    (pool,) = start_pools([*tasks, other], 1, training=False)
    try:
        *pair, alone = pool.open([*tasks, other])
        parents = [psutil.Process(worker.pid).ppid() for worker in (*pair, alone)]
        assert parents[0] == parents[1] != parents[2]
        assert parents[0] != os.getpid()
        given = Path(f"/proc/{alone.pid}/environ").read_bytes().split(b"\0")
        assert b"OMP_NUM_THREADS=2" in given
    finally:
        pool.close()


@FORKS_AND_NOT
def test_no_process_is_left_when_one_of_several_cannot_open(forks):
    before = processes()
    tasks = [task_of("Pointwise"), task_of("Pointwise", clases=3)]
    (pool,) = start_pools(tasks, 1, training=False, forks=forks)
    try:
        with pytest.raises(UsageError, match="did you mean 'classes'"):
            pool.open(tasks)
    finally:
        pool.close()
    assert processes() == before


@FORKS_AND_NOT
def test_a_worker_that_is_killed_is_told_from_one_that_ends_itself(forks):
    tasks = [task_of("Pointwise"), task_of("Exits")]
    (pool,) = start_pools(tasks, 1, training=False, forks=forks)
    try:
        victim, quitter = pool.open(tasks)
        os.kill(victim.pid, signal.SIGKILL)
        with pytest.raises(MeasurementError, match="Pointwise' was killed by SIGKILL"):
            victim.ask("warm_up", work="inference")
        with pytest.raises(MeasurementError, match="Exits' ended by itself with code 3"):
            quitter.ask("warm_up", work="inference")
    finally:
        pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked")
def test_workers_end_with_what_they_are_forked_from_and_that_is_a_measurement_that_failed():
    task = task_of("Pointwise")
    (pool,) = start_pools([task], 1, training=False)
    try:
        (worker,) = pool.open([task])
        os.kill(psutil.Process(worker.pid).ppid(), signal.SIGKILL)
        with pytest.raises(MeasurementError, match="Pointwise' was killed by SIGKILL"):
            worker.ask("warm_up", work="inference")
    finally:
        pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked")
def test_a_zoo_that_cannot_be_imported_is_a_measurement_that_failed(tmp_path):
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "__init__.py").write_text("raise RuntimeError('the animals are out')\n")
    (tmp_path / "zoo" / "registry.py").write_text("")
    before = processes()
    task = replace(SMALL.task("segfast"), roots=(str(tmp_path),))
    with pytest.raises(MeasurementError) as caught:
        start_pools([task], 2, training=False)
    assert str(caught.value) == (
        "the process that workers are forked from ended by itself with code 1; see --debug for its "
        "last words"
    )
    assert "RuntimeError: the animals are out" in caught.value.__notes__[0]
    assert processes() == before


SUPERVISOR = """
import time
from segbench.measurement.workers.pool import start_pools
from segbench.measurement.settings import Settings
task = Settings.of(size=(64, 64), threads=1).task("segfast")
pools = start_pools([task], 2, training=False)
print(*(worker.pid for worker in pools[0].open([task] * 2)), flush=True)
time.sleep(600)
"""


def test_workers_and_what_they_are_forked_from_die_with_a_supervisor_that_is_killed():
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, text=True
    )
    try:
        pids = [int(word) for word in supervisor.stdout.readline().split()]
        assert len(pids) == 2
        below = [child.pid for child in psutil.Process(supervisor.pid).children(recursive=True)]
        assert set(pids) <= set(below)
        supervisor.kill()
        supervisor.wait()
        wait_until(lambda: all(is_gone(pid) for pid in below))
    finally:
        supervisor.kill()
        supervisor.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked")
def test_a_pool_that_is_closed_while_it_imports_leaves_no_process():
    before = processes()
    pool = WorkerPool([task_of("Pointwise")], training=True)
    assert len(processes() - before) == 1
    pool.close()
    assert processes() == before
