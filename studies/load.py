"""A load of a stated share of some cores, for studies of what a disturbed machine does to figures.

Run it beside a measurement:

    python -m studies.load --cores 2 --share 1.0

Each process computes for its share of every 20 ms by its own CPU clock, so that its share is what
it got and not what it asked for, and ends with the process that started it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time

PERIOD_S = 0.02


def burn(share: float) -> None:
    """Compute for a share of every period, until the process is killed."""
    while True:
        began = time.monotonic()
        used = time.thread_time()
        while time.thread_time() - used < share * PERIOD_S:
            pass
        time.sleep(max(0.0, began + PERIOD_S - time.monotonic()))


def start(*, cores: int, share: float) -> list[multiprocessing.Process]:
    """Start a process for each core; they end with this one."""
    processes = [
        multiprocessing.get_context("spawn").Process(target=burn, args=(share,), daemon=True)
        for _ in range(cores)
    ]
    for process in processes:
        process.start()
    return processes  # type: ignore[return-value]  # a spawned process is one


def main() -> None:
    """Load this machine until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=1, help="processes")
    parser.add_argument("--share", type=float, default=0.5, help="of each of these cores")
    given = parser.parse_args()
    for process in start(cores=given.cores, share=given.share):
        process.join()


if __name__ == "__main__":
    main()
