"""The process that a round's workers are forked from: what all of them need is imported once.

Orders are messages on a Unix socket. ``fork`` comes with three descriptors, which become a worker's
standard input, output and error. ``pid 3`` asks for the process id of the fourth worker, ``wait 3``
for its return code when it has ended, which it is made to in a few seconds; the reply repeats the
order and adds the number, so that one that nobody waited for, because of Ctrl-C, is told from the
next. The process ends when the
supervisor closes its end, or is gone, and its workers with it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket

from segbench.measurement.workers import child as worker
from segbench.measurement.workers.protocol import ORDER_BYTES, PATIENCE_S

READY = b"ready"


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
    # A collection in a worker would write to, and so copy, all that was imported.
    gc.collect()
    gc.freeze()
    here = os.getpid()
    with socket.socket(fileno=descriptor) as orders:
        standard = serve(orders)
    if standard:
        for number, opened in enumerate(standard):
            os.dup2(opened, number)
            os.close(opened)
        worker.main(here)


def serve(orders: socket.socket) -> list[int]:
    """Fork workers until there are no more orders.

    Returns:
        In a fork, its three descriptors; where orders have ended, none.
    """
    pids: list[int] = []
    codes: dict[int, int] = {}
    orders.send(READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, ORDER_BYTES, 3)
        if not message:
            return []
        verb, _, which = message.decode().partition(" ")
        if verb == "fork":
            pid = os.fork()
            if pid == 0:
                return descriptors
            for opened in descriptors:
                os.close(opened)
            pids.append(pid)
            continue
        pid = pids[int(which)]
        if verb == "wait" and pid not in codes:
            codes[pid] = end_of(pid)
        answer = codes[pid] if verb == "wait" else pid
        orders.send(message + f" {answer}".encode())


def end_of(pid: int) -> int:
    """Wait for a child that should be ending, kill it if it does not, and return its code."""
    with contextlib.suppress(OSError):  # a system without such descriptors
        descriptor = os.pidfd_open(pid)
        try:
            if not select.select([descriptor], [], [], PATIENCE_S)[0]:
                os.kill(pid, signal.SIGKILL)
        finally:
            os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
