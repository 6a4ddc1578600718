"""``segbench models``."""

from __future__ import annotations

from typing import Annotated

import typer

from segbench.cli import options
from segbench.errors import UsageError
from zoo.registry import tags


def models(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Show one network and its options: a name of the zoo, mypkg.nets:tiny, a JSON "
            "file, or weights.",
            metavar="MODEL",
            callback=options.named,
            show_default=False,
        ),
    ] = None,
    *,
    tag: Annotated[
        str | None,
        typer.Option(
            help=f"List the networks of one tag alone: {', '.join(tags())}.",
            metavar="TAG",
            show_default=False,
        ),
    ] = None,
    allow_import: options.AllowImport = None,
) -> None:
    """List the networks of the zoo, with the paper's figures; or show one, and what it can vary."""
    if model is None:
        from segbench.cli.lists import print_models

        print_models(tag)
        return
    if tag is not None:
        raise UsageError("--tag is for a list of networks; leave it out, or the model")
    from segbench.cli.one_model import print_model

    print_model(model)
