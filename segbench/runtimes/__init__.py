"""What executes a network: one file and one row of the table per runtime."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Protocol, cast

from segbench.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

RUNTIMES = {"eager": "segbench.runtimes.eager:prepare"}


class Forward(Protocol):
    """One inference: a batch of images to logits."""

    def __call__(self, images: Tensor, /) -> Tensor:
        """Map (batch, channels, height, width) to (batch, classes, height, width)."""
        ...


class Prepare(Protocol):
    """Make a network ready to run in a runtime."""

    def __call__(self, model: nn.Module, images: Tensor, /) -> Forward:
        """Return the call to be timed; ``images`` is an example of its input."""
        ...


def check_runtime(name: str) -> str:
    """Return the name if there is such a runtime.

    Raises:
        UsageError: there is none.

    >>> check_runtime("eager")
    'eager'
    """
    if name not in RUNTIMES:
        near = difflib.get_close_matches(name, RUNTIMES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"unknown runtime {name!r}{hint} (runtimes: {', '.join(RUNTIMES)})")
    return name


def find_runtime(name: str) -> Prepare:
    """Import a runtime by its name in the table."""
    module, _, attribute = RUNTIMES[check_runtime(name)].partition(":")
    return cast("Prepare", getattr(importlib.import_module(module), attribute))
