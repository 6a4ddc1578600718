"""CSV: a row per model or per judgement, or per layer where layers were measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.report.frame import layers_frame, to_frame
from segbench.results import Profile

if TYPE_CHECKING:
    from segbench.store import Result


def render(result: Result) -> str:
    """Return the result as comma-separated values with a heading line."""
    has_layers = isinstance(result, Profile) and result.layers is not None
    frame = layers_frame(result.layers) if has_layers else to_frame(result)  # type: ignore[union-attr,arg-type]
    return frame.to_csv(index=False, lineterminator="\n")
