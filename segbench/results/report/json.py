"""JSON: the result as it is saved."""

from __future__ import annotations

from segbench.results.store import Result, to_json


def render(result: Result) -> str:
    """Return the result's own JSON."""
    return to_json(result)
