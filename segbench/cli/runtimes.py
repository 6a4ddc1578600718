"""``segbench runtimes``."""

from __future__ import annotations


def runtimes() -> None:
    """List the runtimes, which are installed, and what this CPU has for them."""
    from segbench.cli.lists import print_runtimes

    print_runtimes()
