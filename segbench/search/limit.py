"""How slow a network may be before it is trained: a time, or a share of the rival's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from segbench.errors import UsageError

# A unit is asked for: a bare 20 would be milliseconds to whoever writes it, and seconds elsewhere.
_LIMIT = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|x)")
_UNITS = {"ms": 1e-3, "s": 1.0, "x": 1.0}


@dataclass(frozen=True)
class Limit:
    """A latency budget.

    Attributes:
        value: seconds, or how many times the rival.
        of_rival: whether it is the latter, which holds whatever the machine's speed that day.

    Raises:
        UsageError: the value is not above 0.
    """

    value: float
    of_rival: bool = False

    def __post_init__(self) -> None:
        if self.value <= 0:
            unit = "x" if self.of_rival else " s"
            raise UsageError(f"the latency budget must be above 0, got {self.value:g}{unit}")

    def seconds(self, rival_s: float) -> float:
        """Return it in seconds, where the rival takes so many.

        >>> Limit(0.02).seconds(0.04), Limit(0.75, of_rival=True).seconds(0.04)
        (0.02, 0.03)
        """
        return self.value * rival_s if self.of_rival else self.value


def parse_limit(text: str) -> Limit:
    """Read a budget.

    Raises:
        UsageError: it is neither a time with its unit nor a number of times.

    >>> parse_limit("20ms"), parse_limit("0.66x")
    (Limit(value=0.02, of_rival=False), Limit(value=0.66, of_rival=True))
    """
    found = _LIMIT.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"latency-budget {text!r} is no time with its unit and no share of the rival's; "
            "write for example 20ms or 0.66x"
        )
    return Limit(float(found[1]) * _UNITS[found[2]], of_rival=found[2] == "x")
