"""Runtimes that end or hang their process, or lack an operator.

Each runs the network's own module until it breaks, in the session that its option says. A
candidate's sessions are that of its preparation, of its comparison with eager, of its peak memory,
and one in each round.
"""

import ctypes
import gc
import os
import signal

from segbench.errors import UsageError
from segbench.runtimes import RUNTIMES, Runtime

PREPARATION, COMPARISON, WEIGHING, FIRST_ROUND, SECOND_ROUND = range(1, 6)


def segfault():
    ctypes.string_at(0)


def hang():
    ctypes.PyDLL(None).pause()  # it holds Python's lock, as an engine may


def divide():
    os.kill(os.getpid(), signal.SIGFPE)


def lack():
    raise UsageError("runtime 'lacks' has no operator aten::max_unpool2d; measure it with eager")


class BreakingSession:
    """A module that is called until it breaks, in blocks alone where that is asked for."""

    dtype = "float32"

    def __init__(self, model, break_, *, timed):
        self.model, self.break_, self.timed = model.eval(), break_, timed

    def feed(self, images):
        return images

    def run(self, batch):
        import torch

        if self.break_ is not None and not (self.timed and gc.isenabled()):
            self.break_()
        with torch.inference_mode():
            return self.model(batch)

    def output(self, found):
        return found


def count(store):
    """Return which session of its candidate this is; 0 where none is counted."""
    if store is None:
        return 0
    store.with_suffix(".count").open("a").write("|")
    return len(store.with_suffix(".count").read_text())


def in_session(break_):
    def prepare(model, _images, spec, store):
        breaks = count(store) == spec.options.get("session", PREPARATION)
        timed = spec.options.get("timed", False)
        return BreakingSession(model, break_ if breaks else None, timed=timed)

    return prepare


def in_preparing(break_):
    def prepare(model, _images, spec, store):
        if count(store) == spec.options.get("session", PREPARATION):
            break_()
        return BreakingSession(model, None, timed=False)

    return prepare


sound = in_session(None)
segfaults = in_session(segfault)
hangs = in_session(hang)
divides = in_preparing(divide)
stalls = in_preparing(hang)
lacks = in_preparing(lack)

OPTIONS = {"session": tuple(range(1, 9)), "timed": (True, False)}
NAMES = ("sound", "segfaults", "hangs", "divides", "stalls", "lacks")
ROWS = {name: Runtime(f"breaking_runtimes:{name}", options=OPTIONS) for name in NAMES}


def register():
    RUNTIMES.update(ROWS)
