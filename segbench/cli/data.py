"""``segbench data``: list, check, fetch, show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segbench.cli import options
from segbench.cli.options import DataRoot, DatasetName
from segbench.errors import ExitCode

data_app = typer.Typer(
    name="data",
    help="See which datasets there are, and read a copy of one.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@data_app.command("list", epilog="Example: segbench data list --data-root ~/datasets")
def list_datasets(data_root: DataRoot = None) -> None:
    """List the datasets that are known by name, and whether there is a copy."""
    from segbench.cli.lists import print_datasets

    print_datasets(data_root)


@data_app.command(epilog="Example: segbench data check camvid --data-root ~/datasets")
def check(
    name: DatasetName,
    data_root: DataRoot = None,
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
    allow_import: options.AllowImport = None,
) -> int:
    """Read every image and label: sizes, class frequencies, and what cannot be used."""
    from segbench.cli.output import Target, measure
    from segbench.data.dataset_check import check_dataset
    from segbench.data.registry import open_dataset
    from segbench.results.dataset import DataFindings

    dataset = open_dataset(name, data_root)
    found = measure(
        Target(format, output, force=force, kind=DataFindings),
        lambda progress: check_dataset(dataset, progress=progress),
    )
    if found is None:
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED if found.problems else ExitCode.OK


@data_app.command(epilog="Example: segbench data fetch camvid --data-root ~/datasets")
def fetch(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A dataset that may be downloaded: camvid.", show_default=False
        ),
    ],
    data_root: DataRoot = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="Download the archive from here instead; it must hold the same.",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Download a dataset into the data root; a download that broke off is gone on with."""
    import dataclasses

    from segbench.cli.output import progress_bar
    from segbench.data import fetching
    from segbench.data.places import data_root as find_root

    source = fetching.SOURCES.get(name)
    if source is not None and url is not None:
        source = dataclasses.replace(source, url=url)
    with progress_bar() as bar:
        home = fetching.fetch(name, find_root(data_root), source=source, progress=bar)
    print(f"{name} is in {home}; read it with: segbench data check {name}")


@data_app.command(epilog="Example: segbench data show camvid --split val --output camvid.png")
def show(
    name: DatasetName,
    output: Annotated[
        Path,
        typer.Option(
            help="Write the picture into this file, whole or not at all: .png or .jpg.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    data_root: DataRoot = None,
    split: Annotated[
        str, typer.Option(help="Take scenes of this split.", metavar="SPLIT")
    ] = "train",
    scenes: Annotated[
        int, typer.Option(help="Show N scenes, spread evenly over the split.", metavar="N", min=1)
    ] = 8,
    force: options.Force = False,
    allow_import: options.AllowImport = None,
) -> None:
    """Draw a contact sheet: images, their labels over them, and the classes' colours."""
    from segbench.data.registry import open_dataset
    from segbench.data.sheet import contact_sheet, spread
    from segbench.files import check_writable, write_picture

    check_writable(output, force=force)
    dataset = open_dataset(name, data_root)
    chosen = spread(dataset.split(split), scenes)
    title = f"{dataset.name}, {split}: {len(chosen)} of {len(dataset.split(split)):,} scenes"
    sheet = contact_sheet(chosen, dataset.classes, title=title)
    write_picture(output, sheet, force=force)
    print(f"{title}, in {output}")
