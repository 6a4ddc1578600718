"""How slow a network may be before it is trained: a time, or a share of the rival's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from segbench.errors import UsageError
from segbench.units import parse_duration

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_TIMES = re.compile(rf"({_NUMBER.pattern})\s*x")


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

    A bare number is refused: elsewhere it would be seconds, here milliseconds are what is meant.

    Raises:
        UsageError: it is neither a time with its unit nor a number of times.

    >>> parse_limit("20ms"), parse_limit("0.66x")
    (Limit(value=0.02, of_rival=False), Limit(value=0.66, of_rival=True))
    """
    times = _TIMES.fullmatch(text.strip())
    if times:
        return Limit(float(times[1]), of_rival=True)
    if _NUMBER.fullmatch(text.strip()):
        raise UsageError(
            f"latency-budget {text!r} has no unit; write {text.strip()}ms, "
            "or a share of the rival's: 0.66x"
        )
    try:
        return Limit(parse_duration(text, what="latency-budget"))
    except UsageError as error:
        raise UsageError(f"{error}, or as a share of the rival's: 0.66x") from error
