"""A process that has imported torch, and that workers of many tests are forked from.

It has next to nothing of segbench and nothing of the zoo, for those are imported anew in each fork,
from where its program says.
"""

import importlib
import json
import os
import signal

from segbench.measurement.workers.forking import become_fork


def main(descriptor, modules):
    """Import, and fork on request; in a fork, do what the first line of standard input says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in modules:
        importlib.import_module(name)
    import torch

    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # the first imports a second's worth
    here = os.getpid()
    if become_fork(descriptor):
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
