"""Draw results: one function per format, and one row of the table for each."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Literal, cast

from segbench.results.store import Result

Format = Literal["table", "json", "csv", "markdown", "junit"]
FORMATS: dict[Format, str] = {
    "table": "segbench.results.report.terminal:render",
    "json": "segbench.results.report.json:render",
    "csv": "segbench.results.report.csv:render",
    "markdown": "segbench.results.report.markdown:render",
    "junit": "segbench.results.report.junit:render",
}


def render(result: Result, form: Format, *, width: int = 80, color: bool = False) -> str:
    """Draw a result as text that ends with a line break.

    Args:
        width: columns of the terminal; only tables look at it.
        color: whether the terminal shows colours; likewise.

    Raises:
        UsageError: the result is of a kind that the format has no place for.
    """
    module, _, name = FORMATS[form].partition(":")
    draw = cast("Callable[..., str]", getattr(importlib.import_module(module), name))
    return draw(result, width=width, color=color) if form == "table" else draw(result)
