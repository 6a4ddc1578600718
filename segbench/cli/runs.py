"""``segbench runs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Look for runs below this folder.")
    ] = Path("runs"),
) -> None:
    """List what was trained: networks, datasets, epochs and quality."""
    from segbench.cli.lists import print_runs

    print_runs(folder)
