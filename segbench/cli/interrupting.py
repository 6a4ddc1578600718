"""A Ctrl-C that is not lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts_kept() -> Iterator[Callable[[], None]]:
    """Yield what raises KeyboardInterrupt again, if one came and the work still goes on.

    Python drops an exception that is raised within a finalizer or the callback of a weak reference,
    and libraries have both; now and then Ctrl-C comes while such code runs.

    >>> with interrupts_kept() as check:
    ...     check()
    """
    came = False

    def keep(_signal: int, _frame: FrameType | None) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check  # it is ignored, as behind nohup, or somebody else's to handle
        return
    signal.signal(signal.SIGINT, keep)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
