"""Ctrl-C, a hang-up and a request to end: all three stop a command in order, and none is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# The terminal's Ctrl-C, its closing, and what `kill`, batch systems and containers send.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_UNTOUCHED = (signal.SIG_DFL, signal.default_int_handler)


class Keeper:
    """The handler of these signals: it raises KeyboardInterrupt, and knows afterwards that it did.

    Python drops an exception that is raised within a finalizer or the callback of a weak reference,
    and libraries have both; now and then a signal comes while such code runs.
    """

    def __init__(self) -> None:
        self._came = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        """Take note, and raise."""
        self._came = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raise KeyboardInterrupt again, if one came and the work still goes on."""
        if self._came:
            raise KeyboardInterrupt


@contextmanager
def interrupts_kept() -> Iterator[Callable[[], None]]:
    """Raise KeyboardInterrupt at each of the signals; yield what raises it again if it was lost.

    A signal that is ignored, as a hang-up behind nohup, or that is somebody else's to handle,
    stays so. Within another call of this the handler is that one's.

    >>> with interrupts_kept() as check:
    ...     check()
    """
    outer = signal.getsignal(signal.SIGINT)
    if isinstance(outer, Keeper):
        yield outer.check
        return
    keeper = Keeper()
    if threading.current_thread() is not threading.main_thread():
        yield keeper.check
        return
    before = {each: signal.getsignal(each) for each in SIGNALS}
    ours = [each for each in SIGNALS if before[each] in _UNTOUCHED]
    for each in ours:
        signal.signal(each, keeper)
    try:
        yield keeper.check
    finally:
        for each in ours:
            if signal.getsignal(each) is keeper:
                signal.signal(each, before[each])


def ignore_signals() -> None:
    """Let none of the signals disturb the end of a process that has done its work."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
