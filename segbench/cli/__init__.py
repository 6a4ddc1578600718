"""The command line: parse, call one library function, hand the result to a report, and exit."""

from __future__ import annotations

from segbench.cli.main import main

__all__ = ["main"]
