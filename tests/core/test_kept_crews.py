"""Crews that are kept: what two measurements have in common, what two rounds have not."""

import os
import signal
import sys

import psutil
import pytest
from processes_for_tests import task_of

from segbench.errors import MeasurementError
from segbench.kept_crews import KeptCrews

pytestmark = [
    pytest.mark.measures,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked"),
]

TASK = task_of("Pointwise")


@pytest.fixture
def kept():
    crews = KeptCrews(most=2)
    yield crews
    crews.close()


def children():
    return {child.pid for child in psutil.Process().children()}


def measure(kept, *rounds):
    """Go through a measurement; return what the worker of each round was forked from.

    Args:
        rounds: how many crews are asked for each time.
    """
    start = kept.begin()
    found = []
    for count in rounds:
        for crew in start([TASK], count, training=False):
            (worker,) = crew.open([TASK])
            assert worker.ask("warm_up", work="inference")["calls"] > 1
            process = psutil.Process(worker.pid)
            found.append(process.ppid())
            crew.close()
            assert not process.is_running()
    return found


def test_rounds_have_nothing_in_common_and_measurements_have_what_is_kept(kept):
    before = children()
    first = measure(kept, 1, 1)
    assert len(set(first)) == 2
    assert children() - before == set(first)
    assert measure(kept, 2) == first
    assert measure(kept, 1) == first[:1]


def test_rounds_beyond_what_is_kept_have_crews_that_end_with_them(kept):
    before = children()
    first = measure(kept, 3, 1)
    assert len(set(first)) == 4
    assert children() - before == set(first[:2])
    second = measure(kept, 3)
    assert second[:2] == first[:2]
    assert second[2] not in first


def test_a_round_that_is_not_begun_leaves_its_crew_to_the_next_measurement(kept):
    start = kept.begin()
    for crew in start([TASK], 2, training=False):
        crew.close()
    assert len(children() & set(measure(kept, 2))) == 2


def test_after_the_end_there_are_others(kept):
    before = children()
    first = measure(kept, 2)
    kept.close()
    assert children() == before
    assert not set(measure(kept, 2)) & set(first)


def test_what_is_forked_from_one_that_died_is_a_measurement_that_failed_until_it_is_closed(kept):
    (first,) = measure(kept, 1)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(MeasurementError, match="Pointwise' was killed by SIGKILL"):
        measure(kept, 1)
    kept.close()
    assert measure(kept, 1) != [first]
