"""CSV: a row per model or per judgement, or per layer where layers were measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.results.profile import Profile
from segbench.results.report.frame import layers_frame
from segbench.results.report.kinds import make_frame

if TYPE_CHECKING:
    from segbench.results.store import Result


def render(result: Result) -> str:
    """Return the result as comma-separated values with a heading line."""
    if isinstance(result, Profile) and result.layers is not None:
        frame = layers_frame(result.layers)
    else:
        frame = make_frame(result)
    return frame.to_csv(index=False, lineterminator="\n")
