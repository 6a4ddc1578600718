"""A process that has imported torch, and that workers of many tests are forked from.

It understands the orders of `segbench.measurement.workers.preloaded`. It has none of segbench and
of the zoo, for those are imported anew in each fork, from where its program says.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket

PATIENCE_S = 5.0
ORDER_BYTES = 64


def main(descriptor, modules):
    """Import, and fork on request; in a fork, do what the first line of standard input says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in modules:
        importlib.import_module(name)
    import torch

    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # the first imports a second's worth
    gc.collect()
    gc.freeze()
    here = os.getpid()
    with socket.socket(fileno=descriptor) as orders:
        standard = serve(orders)
    if standard:
        for number, opened in enumerate(standard):
            os.dup2(opened, number)
            os.close(opened)
        os.setsid()
        asked = json.loads(read_line())
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["folder"])
        exec(asked["program"], {"__name__": "__main__", "PARENT": here})  # noqa: S102 - of a test


def read_line():
    """Read a line of standard input, and nothing after it."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 1) or b"\n"
    return line


def serve(orders):
    """Fork until there are no more orders; return a fork's descriptors, and at the end none."""
    pids, codes = [], {}
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
            codes[pid] = end_of(pid)
        orders.send(message + f" {codes[pid] if verb == 'wait' else pid}".encode())


def end_of(pid):
    """Wait for a child, kill it if it does not end, and return its code."""
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(pid)
        try:
            if not select.select([descriptor], [], [], PATIENCE_S)[0]:
                os.kill(pid, signal.SIGKILL)
        finally:
            os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
