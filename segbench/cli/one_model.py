"""One network: what it is, what it costs, and every option of its builder."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.text import Text

from segbench.cli.lists import plain_console
from segbench.errors import UsageError, one_line
from segbench.results.candidate import Candidate, without_runtime
from zoo.building import check_buildable
from zoo.described import describe
from zoo.published import PAPER
from zoo.registry import find_builder, known
from zoo.values import write_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoo.described import Option
    from zoo.registry import ModelEntry
    from zoo.spec import ModelSpec

INDENT = "    "


def print_model(text: str) -> None:
    """Print what a network is, and its options with the values that the text gives them.

    Args:
        text: as a user names a network, or weights.

    Raises:
        UsageError: it names a runtime, or a graph file.
        ZooError: there is no such network, or it cannot have these options.
    """
    without_runtime(text, what="show", why="its options are the same in every runtime")
    candidate = Candidate.parse(text)
    if candidate.is_graph:
        raise UsageError(f"cannot show {text!r}: a graph file has no options")
    spec = candidate.spec
    check_buildable(spec)
    described = describe(find_builder(spec.name))
    row = known(spec.name)
    console = plain_console()

    def show(text: str, *, indent: str = "", style: str = "") -> None:
        lines = textwrap.fill(
            one_line(text) + "." * text.endswith("."),
            console.width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
        console.print(Text(lines, style=style), soft_wrap=True)

    show(str(spec) if candidate.weights is None else f"{candidate}: {spec}", style="cyan")
    for paragraph in (*described.paragraphs, *(() if row is None else _figures(row))):
        console.print()
        show(paragraph)
    console.print()
    if not described.options and not described.takes_any:
        show("It has no options.")
    for option in described.options:
        show(_value(option, spec), style="cyan")
        show(_meaning(option, spec), indent=INDENT)
    if described.takes_any:
        show(f"It takes {'other options too' if described.options else 'any option'}.")


def _figures(row: ModelEntry) -> Iterator[str]:
    yield (
        f"At 22 classes it has {row.params_at_22:,} parameters, and its convolutions take "
        f"{row.conv_macs_at_22:,} multiply-accumulates for 1x3x224x224. "
        f"Tag{'s' * (len(row.tags) > 1)}: {', '.join(row.tags)}."
    )
    found = row.published
    if found is not None:
        yield (
            f"Published of {found.row}: {found.params:,} parameters, forward {found.forward_s} s, "
            f"backward {found.backward_s} s, {found.memory_mib} MiB. {PAPER}."
        )


def _value(option: Option, spec: ModelSpec) -> str:
    if option.name in spec.options:
        return f"{option.name}={write_value(spec.options[option.name])}"
    return f"{option.name}={'VALUE' if option.default is None else option.default}"


def _meaning(option: Option, spec: ModelSpec) -> str:
    said = option.takes or "any value"
    if option.default is None:
        said += "; must be given"
    elif option.name in spec.options:
        said += f"; {option.default} by default"
    return said if option.note is None else f"{said}: {option.note}"
