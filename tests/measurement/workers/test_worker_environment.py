"""What a worker finds in its environment before it imports anything."""

import pytest
from tasks import make_task

from segbench.measurement.workers.protocol import Task, decode, encode
from segbench.measurement.workers.supervisor import THREAD_VARIABLES, worker_environment

TASK = make_task("segfast", threads=3)
UNTUNED = make_task("segfast", threads=3, allocator="system")


def of_malloc(environment):
    return {name: value for name, value in environment.items() if name.startswith("MALLOC_")}


@pytest.mark.parametrize("instrument", ["timing", "memory", "inspection", "threads"])
def test_every_thread_pool_is_told_the_threads_asked_for(instrument):
    found = worker_environment(TASK, instrument, {"OMP_NUM_THREADS": "16"})
    assert {found[name] for name in THREAD_VARIABLES} == {"3"}
    assert {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"} <= set(THREAD_VARIABLES)


def test_the_rest_of_the_environment_is_inherited_and_not_changed():
    mine = {"HOME": "/home/me", "OMP_NUM_THREADS": "16"}
    assert worker_environment(TASK, "timing", mine)["HOME"] == "/home/me"
    assert mine == {"HOME": "/home/me", "OMP_NUM_THREADS": "16"}


def test_a_steady_allocator_never_maps_and_never_trims():
    found = of_malloc(worker_environment(TASK, "timing", {}))
    assert found["MALLOC_MMAP_MAX_"] == "0"
    assert int(found["MALLOC_TRIM_THRESHOLD_"]) > 2**40


def test_the_systems_allocator_is_left_as_the_user_has_it():
    assert of_malloc(worker_environment(UNTUNED, "timing", {})) == {}
    mine = {"MALLOC_ARENA_MAX": "2"}
    assert of_malloc(worker_environment(UNTUNED, "timing", mine)) == mine


@pytest.mark.parametrize("task", [TASK, UNTUNED])
def test_peaks_are_found_with_an_allocator_that_returns_what_is_freed(task):
    found = of_malloc(worker_environment(task, "memory", {}))
    assert int(found["MALLOC_MMAP_THRESHOLD_"]) <= 2**16
    assert found["MALLOC_TRIM_THRESHOLD_"] == "0"


def test_a_task_passes_through_its_line_unchanged():
    task = make_task(
        "mine:net", {"widths": [1, 2], "kind": "x\ny"}, batch=2, picture="/a b.png", seed=5
    )
    line = encode({"do": "open", "task": task.to_json()})
    assert line.count("\n") == 1
    assert Task.from_json(decode(line)["task"]) == task
