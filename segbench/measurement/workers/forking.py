"""Forks on request: a process that serves them, and what becomes of each.

Orders are messages on a Unix socket. ``fork`` comes with three descriptors, which become the fork's
standard input, output and error. ``pid 3`` asks for the process id of the fourth fork, ``wait 3``
for its return code when it has ended, which it is made to in a few seconds; the reply repeats the
order and adds the number, so that one that nobody waited for, because of Ctrl-C, is told from the
next. The process ends when the other end of the socket closes.

Nothing else of segbench is imported here, so that a fork may import its own.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket

ORDER_BYTES = 64  # the most that an order has, or its reply
PATIENCE_S = 5.0  # for a process that has closed its end to be gone


def become_fork(descriptor: int) -> bool:
    """Fork on request until there are no more orders.

    Args:
        descriptor: of the socket that orders come from.

    Returns:
        In a fork True, with the standard streams that it was given; where orders have ended False.
    """
    # A collection in a fork would write to, and so copy, all that was imported.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=descriptor) as orders:
        standard = _serve(orders)
    for number, opened in enumerate(standard):
        os.dup2(opened, number)
        os.close(opened)
    return bool(standard)


def _serve(orders: socket.socket) -> list[int]:
    """Return a fork's three descriptors in it; where orders have ended, none."""
    pids: list[int] = []
    codes: dict[int, int] = {}
    orders.send(b"ready")
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
            codes[pid] = _end_of(pid)
        answer = codes[pid] if verb == "wait" else pid
        orders.send(message + f" {answer}".encode())


def _end_of(pid: int) -> int:
    """Wait for a child that should be ending, kill it if it does not, and return its code."""
    with contextlib.suppress(OSError):  # a system without such descriptors
        descriptor = os.pidfd_open(pid)
        try:
            if not select.select([descriptor], [], [], PATIENCE_S)[0]:
                os.kill(pid, signal.SIGKILL)
        finally:
            os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
