"""The process that a round's workers are forked from: what all of them need is imported once.

It ends when the supervisor closes its end of the socket, or is gone, and its workers with it.
"""

from __future__ import annotations

import contextlib
import os
import signal

from segbench.measurement.workers import child as worker
from segbench.measurement.workers.forking import become_fork


def main(parent: int, descriptor: int, *, training: bool) -> None:
    """Import, and fork on request; in a fork, be a worker.

    Args:
        parent: the supervisor's process id.
        descriptor: of the socket that orders come from.
        training: import what a training step needs too.
    """
    worker.end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What cannot be imported fails again in each worker, which says so.
    with contextlib.suppress(Exception):
        instrument = worker.find_instrument("timing")
        if training:
            instrument.preload("training")
    here = os.getpid()
    if become_fork(descriptor):
        worker.main(here)
