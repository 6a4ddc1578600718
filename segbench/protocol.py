"""What supervisor and worker say to each other: one JSON object a line, requests and replies."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from segbench.results import Allocator, Device

Work = Literal["inference", "training"]

ORDER_BYTES = 64  # the most that an order to a fork server has, or its reply


@dataclass(frozen=True)
class Task:
    """What one worker is to build and to run.

    Attributes:
        classes: None where the user named no class count.
        input: path of a picture, or None for seeded noise.
        roots: folders that the networks' code is imported from, before all that is installed.
        instead_of: the repository that the roots stand in for: none of its own files may be used.
    """

    name: str
    options: dict[str, Any]
    batch: int = 1
    channels: int = 3
    height: int = 224
    width: int = 224
    classes: int | None = None
    device: Device = "cpu"
    runtime: str = "eager"
    allocator: Allocator = "steady"
    threads: int = 1
    input: str | None = None
    seed: int = 0
    roots: tuple[str, ...] = ()
    instead_of: str | None = None

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Task:
        """Rebuild the task from its JSON object."""
        return cls(**{**fields, "roots": tuple(fields.get("roots", ()))})  # JSON has lists alone

    def to_json(self) -> dict[str, Any]:
        """Return the task as a JSON object."""
        return asdict(self)


def encode(message: dict[str, Any]) -> str:
    r"""Write a message as one line.

    >>> encode({"do": "stop"})
    '{"do":"stop"}\n'
    """
    return json.dumps(message, separators=(",", ":")) + "\n"


def decode(line: str) -> dict[str, Any]:
    """Read a message from its line."""
    return cast("dict[str, Any]", json.loads(line))
