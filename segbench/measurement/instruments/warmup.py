"""Warm-up: call until recent calls agree with each other, or until it has cost enough."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segbench.measurement.instruments.clock import Reading

RECENT = 3  # calls that have to agree
SPREAD = 0.10  # by which the slowest of them may exceed the fastest
DRIFT = 0.05  # by which their median may differ from that of the calls before
CALL_CAP = 40
SECONDS_CAP = 1.0
FIRST_CALL_CAP = 3.0


@dataclass(frozen=True)
class WarmUp:
    """What warming up took: its readings in order, and whether they became steady."""

    readings: tuple[Reading, ...]
    steady: bool

    @property
    def recent_s(self) -> float:
        """Median duration of the last calls, in seconds; the very first is not among them."""
        return statistics.median(
            reading.seconds for reading in self.readings[1:][-RECENT:] or self.readings
        )


def is_steady(readings: Sequence[Reading], *, faultless: bool) -> bool:
    """Tell whether the recent calls agree with each other and with those before them.

    Args:
        faultless: recent calls must also have taken no page fault.

    >>> is_steady([Reading(0.5, 0)] + [Reading(0.1, 0)] * 6, faultless=True)
    True
    >>> is_steady([Reading(0.5, 0)] + [Reading(0.1, 9000)] * 6, faultless=True)
    False
    """
    if len(readings) < 2 * RECENT + 1:  # the first call is no witness
        return False
    recent, before = readings[-RECENT:], readings[-2 * RECENT : -RECENT]
    if faultless and any(reading.is_faulting for reading in recent):
        return False
    fastest = min(reading.seconds for reading in recent)
    slowest = max(reading.seconds for reading in recent)
    now = statistics.median(reading.seconds for reading in recent)
    then = statistics.median(reading.seconds for reading in before)
    return slowest <= fastest * (1 + SPREAD) and abs(now - then) <= DRIFT * then


def warm_up(call: Callable[[], Reading], *, faultless: bool) -> WarmUp:
    """Call until steady, at most 40 times, and not beyond about a second after the first call.

    A call that takes page faults where none are expected gets twice the time: its heap has not
    reached its size yet. A first call of over three seconds is the only one: what is slow once, at
    the start, is a small part of it.
    """
    readings: list[Reading] = []
    while True:
        readings.append(call())
        if is_steady(readings, faultless=faultless):
            return WarmUp(tuple(readings), steady=True)
        spent = sum(reading.seconds for reading in readings[1:])
        still_faulting = faultless and readings[-1].is_faulting
        cap = SECONDS_CAP * (2 if still_faulting else 1)
        long = readings[0].seconds > FIRST_CALL_CAP
        if long or len(readings) >= CALL_CAP or spent >= cap:
            return WarmUp(tuple(readings), steady=False)
