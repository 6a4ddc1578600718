"""``segbench env``."""

from __future__ import annotations

from segbench.cli import options


def env(
    threads: options.Threads = None,
) -> None:
    """Say what this machine is, and whether it is fit for timing now."""
    from segbench.cli.lists import print_environment

    print_environment(threads)
