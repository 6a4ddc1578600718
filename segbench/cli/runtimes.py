"""``segbench runtimes``."""

from __future__ import annotations

from typing import Annotated

import typer

from segbench.errors import ExitCode


def runtimes(
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Prepare SegFast in each that is installed, in each precision, compare it with "
            "eager, and say what is broken here.",
        ),
    ] = False,
) -> int:
    """List the runtimes, which are installed, and what this CPU has for them."""
    from segbench.cli.lists import print_broken, print_runtimes

    print_runtimes()
    if not check:
        return ExitCode.OK
    from segbench.cli.output import progress_bar
    from segbench.measurement.broken_runtimes import find_broken
    from segbench.results.candidate import EAGER
    from segbench.runtimes.choices import ALL, choose_runtimes

    tried = [each for each in choose_runtimes(ALL, ALL) if each != EAGER]
    with progress_bar() as progress:
        broken = find_broken(tried, progress=progress)
    print_broken(broken, tried=len(tried))
    return ExitCode.FAILED if broken else ExitCode.OK
