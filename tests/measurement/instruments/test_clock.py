"""Timing single calls with a clock that is wound by hand."""

import mmap

import pytest

from segbench.measurement.instruments.clock import WallClock


class HandWound:
    """A clock that advances only when somebody advances it."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds
        return seconds


def test_a_call_takes_what_the_clock_advanced_meanwhile():
    clock = HandWound()
    watch = WallClock(clock)
    clock.advance(50.0)
    reading, returned = watch.time(lambda: clock.advance(0.25))
    assert reading.seconds == 0.25
    assert returned == 0.25


def test_calls_are_timed_each_by_itself():
    clock = HandWound()
    watch = WallClock(clock)
    assert [watch.time(lambda s=s: clock.advance(s))[0].seconds for s in (1, 2, 4)] == [1, 2, 4]


def test_an_error_of_the_call_is_the_callers():
    def fail():
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        WallClock(HandWound()).time(fail)


def test_pages_that_a_call_touches_first_are_its_faults():
    pages = mmap.mmap(-1, 64 * mmap.PAGESIZE)
    pages.madvise(mmap.MADV_NOHUGEPAGE)

    def touch():
        for page in range(64):
            pages[page * mmap.PAGESIZE] = 1

    watch = WallClock(HandWound())
    first, _ = watch.time(touch)
    again, _ = watch.time(touch)
    assert first.minor_faults >= 64
    assert again.minor_faults < 8
    pages.close()
