"""Errors of datasets."""

from __future__ import annotations

from segbench.errors import UsageError


class DataError(UsageError):
    """A dataset is not there, or something in it cannot be used."""


class SpoiltError(DataError):
    """What was downloaded is of no use; it is removed, and the next try begins anew."""
