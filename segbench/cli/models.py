"""``segbench models``."""

from __future__ import annotations

from typing import Annotated

import typer

from zoo.registry import tags


def models(
    tag: Annotated[
        str | None,
        typer.Option(
            help=f"List the networks of one tag alone: {', '.join(tags())}.",
            metavar="TAG",
            show_default=False,
        ),
    ] = None,
) -> None:
    """List the networks of the zoo, with their parameters and the paper's figures."""
    from segbench.cli.lists import print_models

    print_models(tag)
