"""Latency budget: seconds, or a multiple of the reference model's latency."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from segbench.errors import UsageError

# A unit is required: a bare 20 would be milliseconds to whoever writes it, and seconds elsewhere.
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|x)")
_UNITS = {"ms": 1e-3, "s": 1.0, "x": 1.0}


@dataclass(frozen=True)
class LatencyBudget:
    """Highest latency at which a network is trained.

    Attributes:
        value: seconds, or a multiple of the reference model's latency.
        is_ratio: whether it is a multiple, which holds whatever the machine's speed that day.

    Raises:
        UsageError: the value is not above 0.
    """

    value: float
    is_ratio: bool = False

    def __post_init__(self) -> None:
        if self.value <= 0:
            unit = "x" if self.is_ratio else " s"
            raise UsageError(f"the latency budget must be above 0, got {self.value:g}{unit}")

    def seconds(self, reference_s: float) -> float:
        """Return the budget in seconds, for a reference model that takes `reference_s`.

        >>> LatencyBudget(0.02).seconds(0.04), LatencyBudget(0.75, is_ratio=True).seconds(0.04)
        (0.02, 0.03)
        """
        return self.value * reference_s if self.is_ratio else self.value

    @property
    def identity(self) -> dict[str, Any]:
        """The budget as a stored search has it."""
        return {"value": self.value, "of_rival": self.is_ratio}


def parse_latency_budget(text: str) -> LatencyBudget:
    """Read a budget.

    Raises:
        UsageError: it is neither a time with its unit nor a multiple.

    >>> parse_latency_budget("20ms"), parse_latency_budget("0.66x")
    (LatencyBudget(value=0.02, is_ratio=False), LatencyBudget(value=0.66, is_ratio=True))
    """
    found = _BUDGET.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"latency-budget {text!r} is no time with its unit and no multiple of the reference "
            "model's latency; write for example 20ms or 0.66x"
        )
    return LatencyBudget(float(found[1]) * _UNITS[found[2]], is_ratio=found[2] == "x")
