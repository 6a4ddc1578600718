"""Report and data frame of a result, by its kind."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from segbench.results.store import KINDS

if TYPE_CHECKING:
    import pandas as pd

    from segbench.results.report.contents import Report
    from segbench.results.store import Result


def make_report(result: Result) -> Report:
    """Return what a result has to say."""
    report: Report = _call(KINDS[result.schema].report, result)
    return report


def make_frame(result: Result) -> pd.DataFrame:
    """Return a result as a data frame."""
    frame: pd.DataFrame = _call(KINDS[result.schema].frame, result)
    return frame


def _call(function: str, result: Result) -> Any:  # noqa: ANN401 - of either kind
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)(result)
