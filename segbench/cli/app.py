"""The commands. Their bodies import what they need, so that help and lists start at once."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from segbench.cli.baseline import baseline_app
from segbench.cli.check import check
from segbench.cli.compare import compare
from segbench.cli.compress import compress
from segbench.cli.data import data_app
from segbench.cli.env import env
from segbench.cli.evaluate import evaluate
from segbench.cli.export import export
from segbench.cli.models import models
from segbench.cli.predict import predict
from segbench.cli.profile import profile
from segbench.cli.report import report
from segbench.cli.reproduce import reproduce
from segbench.cli.runs import runs
from segbench.cli.runtimes import runtimes
from segbench.cli.search import search_app
from segbench.cli.train import train

LONGEST_HELP = 200  # letters of what a list says of a command
GROUPS = {
    "Measure": ("profile", "compare", "check", "baseline"),
    "Data and training": ("data", "train", "evaluate", "predict", "reproduce"),
    "Make it small": ("compress", "export"),
    "Search": ("search",),
    "Look": ("models", "runtimes", "runs", "report", "env"),
}


class Grouped(TyperGroup):
    """Commands listed by what they are for."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - of click
        """Write a section for each group."""
        width = max(map(len, self.commands))
        for title, names in GROUPS.items():
            rows = [
                (name.ljust(width), self.commands[name].get_short_help_str(limit=LONGEST_HELP))
                for name in names
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


app = typer.Typer(
    name="segbench",
    cls=Grouped,
    help="Measure and compare what segmentation networks cost on this CPU.",
    epilog="Start with: segbench compare --all",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawing help with rich takes longer than all else at start-up
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from segbench import __version__

        print(f"segbench {__version__}")
        raise typer.Exit


@app.callback()
def everywhere(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the traceback of an error; goes in any place."),
    ] = False,
) -> None:
    """Take the options that every command has; ``main`` has read --debug already."""
    del version, debug
    if context.invoked_subcommand is None:
        print(context.get_help())


app.command(epilog="Example: segbench profile segfast --threads 2 --input street.png")(profile)
app.command(epilog="Example: segbench compare segfast segnet mypkg.nets:tiny --baseline segfast")(
    compare
)
app.command(epilog="Example: segbench check --budget budgets.toml")(check)
app.add_typer(baseline_app)
app.add_typer(data_app)
app.command(epilog="Example: segbench train segfast --dataset camvid --epochs 50")(train)
app.command(epilog="Example: segbench evaluate runs/segfast-camvid-0 --split test")(evaluate)
app.command(epilog="Example: segbench predict runs/segfast-streets-0 photos --out seen")(predict)
app.command(epilog="Example: segbench export runs/first --to onnx --head argmax -o first.onnx")(
    export
)
app.command(epilog="Example: segbench compress runs/first --prune 0.6x --for openvino")(compress)
app.command(epilog="Example: segbench reproduce segfast --data-root ~/datasets")(reproduce)
app.add_typer(search_app)
app.command(epilog="Example: segbench models segfast")(models)
app.command(epilog="Example: segbench runtimes")(runtimes)
app.command(epilog="Example: segbench runs")(runs)
app.command(epilog="Example: segbench report result.json --format markdown")(report)
app.command(epilog="Example: segbench env")(env)
