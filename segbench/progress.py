"""Progress of long work, and what is left of it after Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, the steps that are done, and all of them."""

Partial = TypeVar("Partial")


class Interrupted(KeyboardInterrupt, Generic[Partial]):
    """Ctrl-C during a measurement.

    Attributes:
        partial: what was measured until then, marked as not complete; None if nothing was.
    """

    def __init__(self, partial: Partial | None) -> None:
        super().__init__("interrupted")
        self.partial = partial


def ignore_progress(_doing: str, _done: int, _total: int) -> None:
    """Show nothing."""


def timestamp() -> str:
    """Return the date and time in UTC, as results have them.

    >>> timestamp()[10], timestamp()[-1]
    ('T', 'Z')
    """
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
