"""Ctrl-C while a search works, where a library's finalizer may swallow it.

Each runs in a process of its own: libraries that others have loaded handle signals too.
"""

import subprocess
import sys

BEGINS = """
import signal
from contextlib import suppress
from segbench.cli.signals import interrupts_kept
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
ENDS = """
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print("as it should")
"""


def said_by(program):
    ended = subprocess.run(
        [sys.executable, "-c", BEGINS + program], capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_one_that_was_swallowed_is_raised_again():
    program = """
with interrupts_kept() as check:
    check()
    with suppress(KeyboardInterrupt):  # as a finalizer does
        signal.raise_signal(signal.SIGINT)
    try:
        check()
    except KeyboardInterrupt:
        pass
    else:
        raise SystemExit("it was lost")
"""
    assert said_by(program + ENDS) == (0, "as it should\n", "")


def test_one_that_is_not_swallowed_is_raised_at_once():
    program = """
try:
    with interrupts_kept():
        signal.raise_signal(signal.SIGINT)
        raise SystemExit("it was not raised")
except KeyboardInterrupt:
    pass
"""
    assert said_by(program + ENDS) == (0, "as it should\n", "")


def test_what_is_ignored_stays_ignored():
    program = """
signal.signal(signal.SIGINT, signal.SIG_IGN)
with interrupts_kept() as check:
    signal.raise_signal(signal.SIGINT)
    check()
print("as it should")
"""
    assert said_by(program) == (0, "as it should\n", "")
