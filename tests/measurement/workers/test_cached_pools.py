"""Pools that are kept: what two measurements have in common, what two rounds have not."""

import itertools
import os
import signal
import sys

import psutil
import pytest
from processes_for_tests import task_of

from segbench.errors import MeasurementError
from segbench.measurement.workers.cached_pools import CachedPools

TASK = task_of("Pointwise")


class FakePools:
    """Pools without processes.

    Attributes:
        running: numbers of those that are not closed, each of which stands for a fork server.
        at_work: numbers of those whose workers have not ended.
    """

    def __init__(self):
        self.running, self.at_work = set(), set()
        self._numbers = itertools.count()

    def start(self, tasks, count, *, training):
        assert (list(tasks), training) == ([TASK], False)
        return [FakePool(self, next(self._numbers)) for _ in range(count)]


class FakePool:
    def __init__(self, pools, number):
        self._pools, self._number = pools, number
        pools.running.add(number)

    def try_open(self, tasks):
        assert self._number in self._pools.running
        self._pools.at_work.add(self._number)
        return [self._number for _ in tasks]

    def dismiss(self):
        self._pools.at_work.discard(self._number)

    def close(self):
        self.dismiss()
        self._pools.running.discard(self._number)


@pytest.fixture
def pools(monkeypatch):
    found = FakePools()
    monkeypatch.setattr("segbench.measurement.workers.cached_pools.start_pools", found.start)
    return found


@pytest.fixture
def kept():
    pools = CachedPools(most=2)
    yield pools
    pools.close()


def measure(kept, pools, *rounds):
    """Go through a measurement; return what the worker of each round was forked from.

    Args:
        rounds: how many pools are asked for each time.
    """
    start = kept.begin()
    found = []
    for count in rounds:
        for pool in start([TASK], count, training=False):
            (worker,) = pool.try_open([TASK])
            assert pools.at_work == {worker}
            found.append(worker)
            pool.close()
            assert pools.at_work == set()
    return found


def test_rounds_have_nothing_in_common_and_measurements_have_what_is_kept(kept, pools):
    first = measure(kept, pools, 1, 1)
    assert len(set(first)) == 2
    assert pools.running == set(first)
    assert measure(kept, pools, 2) == first
    assert measure(kept, pools, 1) == first[:1]


def test_rounds_beyond_what_is_kept_have_pools_that_end_with_them(kept, pools):
    first = measure(kept, pools, 3, 1)
    assert len(set(first)) == 4
    assert pools.running == set(first[:2])
    second = measure(kept, pools, 3)
    assert second[:2] == first[:2]
    assert second[2] not in first


def test_a_round_that_is_not_begun_leaves_its_pool_to_the_next_measurement(kept, pools):
    start = kept.begin()
    for pool in start([TASK], 2, training=False):
        pool.close()
    assert measure(kept, pools, 2) == [0, 1]


def test_after_the_end_there_are_others(kept, pools):
    first = measure(kept, pools, 2)
    kept.close()
    assert pools.running == set()
    assert not set(measure(kept, pools, 2)) & set(first)


def begin_round(kept):
    """Measure one round with a real process; return what that was forked from."""
    (pool,) = kept.begin()([TASK], 1, training=False)
    (worker,) = pool.try_open([TASK])
    if isinstance(worker, MeasurementError):
        raise worker
    assert worker.ask("warm_up", work="inference")["calls"] > 1
    process = psutil.Process(worker.pid)
    server = process.ppid()
    pool.close()
    assert not process.is_running()
    return server


@pytest.mark.measures
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked")
def test_what_is_forked_from_one_that_died_is_a_measurement_that_failed_until_it_is_closed(kept):
    before = {child.pid for child in psutil.Process().children()}
    first = begin_round(kept)
    assert begin_round(kept) == first
    os.kill(first, signal.SIGKILL)
    with pytest.raises(MeasurementError, match="Pointwise' was killed by SIGKILL"):
        begin_round(kept)
    kept.close()
    assert begin_round(kept) != first
    kept.close()
    assert {child.pid for child in psutil.Process().children()} == before
