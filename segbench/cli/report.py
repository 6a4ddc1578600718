"""``segbench report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import options


def report(
    result: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A JSON file that another command wrote.", show_default=False
        ),
    ],
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
) -> None:
    """Draw a saved result again; nothing is measured."""
    from segbench.cli.output import Target
    from segbench.results.store import load

    Target(format, output, force=force).write(load(result))
