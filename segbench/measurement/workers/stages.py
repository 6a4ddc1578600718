"""Stages of a worker that calls an engine, told to the supervisor before each begins.

An engine may never return. A worker that waits for it cannot end itself, so it says beforehand what
it is about to do, and its supervisor waits no longer than that may take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

Stage = Literal["preparing", "inference"]

LIMITS_S: dict[Stage, float] = {
    # A call at the sizes that are measured takes milliseconds to seconds.
    "inference": 60.0,
    # Exporting, converting and compiling a large network takes minutes on a slow core.
    "preparing": 600.0,
}
# An engine may be slower than the module itself, but not by so much.
SLOWER = 10.0


class Teller:
    """What a worker tells its supervisor, which nobody hears outside of a worker."""

    def __init__(self) -> None:
        self._send: Callable[[dict[str, Any]], None] | None = None
        self._stage: Stage | None = None

    def tell_to(self, send: Callable[[dict[str, Any]], None]) -> None:
        """Have what is told sent."""
        self._send = send

    def begin(self, stage: Stage | None, *, module_s: float = 0.0) -> None:
        """Say that an engine's code comes next, once more if it is called again; None: no engine.

        Args:
            module_s: seconds that the network itself took for the same input.
        """
        if self._send is not None and (stage is not None or self._stage is not None):
            self._send({"stage": stage, "least_s": SLOWER * module_s})
        self._stage = stage


TELLER = Teller()


def stage_in(message: Mapping[str, Any]) -> tuple[Stage | None, float] | None:
    """Return the stage that a message is about, and its limit at least; None where it is a reply.

    >>> stage_in({"stage": "inference", "least_s": 0.3})
    ('inference', 0.3)
    >>> stage_in({"calls": 7}) is None
    True
    """
    if message.keys() != {"stage", "least_s"}:
        return None
    return cast("Stage | None", message["stage"]), float(message["least_s"])


def limit_of(stage: Stage | None, least_s: float) -> float | None:
    """Return how many seconds a stage may take; None for ever.

    The network's own code, which is all that eager runs, has no limit: a training step of a large
    network takes minutes on a slow core, and whoever wrote a network that never returns can tell.

    >>> limit_of("inference", 0.3), limit_of("inference", 90.0), limit_of(None, 0.0)
    (60.0, 90.0, None)
    """
    return None if stage is None else max(LIMITS_S[stage], least_s)


def in_words(seconds: float) -> str:
    """Write a limit.

    >>> in_words(60.0), in_words(600.0), in_words(90.4)
    ('a minute', 'ten minutes', '90 s')
    """
    return {60.0: "a minute", 600.0: "ten minutes"}.get(seconds, f"{seconds:.0f} s")
