"""What tests of real worker processes share."""

import time
from pathlib import Path

import psutil

from segbench.measurement.settings import Settings

SMALL = Settings.of(size=(64, 64), threads=1)
PATIENCE_S = 30.0
SUPPORT = Path(__file__).parent  # where the networks of tests are imported from


def task_of(builder, **options):
    text = ",".join([f"nets_for_tests:{builder}", *(f"{k}={v}" for k, v in options.items())])
    return SMALL.task(text)


def wait_until(condition):
    """Wait for something that another process does; there is no clock to inject into it."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
