"""What can be wrong with data."""

from __future__ import annotations

from segbench.errors import UsageError


class DataError(UsageError):
    """A dataset is not there, or something in it cannot be used."""
