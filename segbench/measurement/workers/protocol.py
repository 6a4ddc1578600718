"""Protocol of supervisor and worker: one JSON object a line, requests and replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from segbench.errors import (
    MeasurementError,
    NotComparableError,
    SegbenchError,
    UsageError,
    WriteError,
)
from segbench.results.candidate import Candidate
from segbench.results.workload import DEFAULT, Workload
from zoo.errors import ZooError
from zoo.spec import ModelSpec

Work = Literal["inference", "training"]

MOST_OF_MESSAGE = 1 << 28  # bytes; the samples of a round are thousands of times fewer
# What an error of a worker is raised as by its supervisor. The first that fits counts.
_RAISED_AS: tuple[tuple[type[Exception], type[SegbenchError]], ...] = (
    (ZooError, UsageError),
    (UsageError, UsageError),
    (NotComparableError, NotComparableError),
    (WriteError, WriteError),
    (Exception, MeasurementError),
)
_KINDS = {raised.__name__: raised for _, raised in _RAISED_AS}


@dataclass(frozen=True)
class Task:
    """What one worker is to build and to run.

    Attributes:
        threads: that it computes with.
        picture: path of the picture that is read in place of noise.
        store: path without an ending at which a runtime may store what it has converted of this
            candidate, for the processes that follow; None to store nothing.
        roots: folders that the networks' code is imported from, before all that is installed.
        instead_of: the repository that the roots stand in for: none of its own files may be used.
        revision: that the roots are the code of, as the user named it; None for a working tree.
        allow: modules, or import strings, that the supervisor lets files name (:mod:`zoo.allowed`).
    """

    candidate: Candidate
    workload: Workload = DEFAULT
    threads: int = 1
    picture: str | None = None
    store: str | None = None
    roots: tuple[str, ...] = ()
    instead_of: str | None = None
    revision: str | None = None
    allow: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The network with all its options and its runtime, as it was asked for."""
        return str(self.candidate)

    @property
    def network(self) -> ModelSpec:
        """The network to build."""
        return self.candidate.spec

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Task:
        """Rebuild the task from its JSON object."""
        return cls(
            **{
                **fields,
                "candidate": Candidate.from_json(fields["candidate"]),
                "workload": Workload(**fields["workload"]),
                # JSON has lists alone.
                **{name: tuple(fields.get(name, ())) for name in ("roots", "allow")},
            }
        )

    def to_json(self) -> dict[str, Any]:
        """Return the task as a JSON object."""
        return asdict(self)


NO_NETWORK = Candidate(ModelSpec("none"))
"""The candidate of a worker that builds none, or another one."""


def encode(message: dict[str, Any]) -> str:
    r"""Write a message as one line.

    >>> encode({"do": "stop"})
    '{"do":"stop"}\n'
    """
    return json.dumps(message, separators=(",", ":"), default=dict) + "\n"  # of other mappings


def decode(line: str) -> dict[str, Any]:
    """Read a message from its line.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        message = json.loads(line)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError(f"it is no object but of type {type(message).__name__!r}")  # noqa: TRY004
    return cast("dict[str, Any]", message)


class Messages:
    r"""Messages that come in pieces, as a pipe hands them out.

    >>> messages = Messages()
    >>> messages.take(b'{"do":"stop"}\n{"do":')
    [{'do': 'stop'}]
    >>> messages.take(b'"go"}\n')
    [{'do': 'go'}]
    """

    def __init__(self) -> None:
        self._begun = bytearray()

    def take(self, piece: bytes) -> list[dict[str, Any]]:
        """Return the messages that end in a piece.

        Raises:
            ValueError: one is no JSON object, or has no end.
        """
        self._begun += piece
        if b"\n" not in piece:
            if len(self._begun) > MOST_OF_MESSAGE:
                raise ValueError("it has no end")
            return []
        *whole, self._begun = self._begun.split(b"\n")
        return [decode(line.decode()) for line in whole]


def failure_reply(error: BaseException, message: str, traceback: str) -> dict[str, Any]:
    """Return the reply that says what went wrong: its kind, one line, and the traceback.

    >>> failure_reply(WriteError("full"), "full", "")["kind"]
    'WriteError'
    >>> failure_reply(SystemExit(0), "it ended", "")["kind"]
    'MeasurementError'
    """
    fitting = (raised for kind, raised in _RAISED_AS if isinstance(error, kind))
    kind = next(fitting, MeasurementError)
    return {"kind": kind.__name__, "error": message, "traceback": traceback}


def failure_in(reply: Mapping[str, Any]) -> SegbenchError | None:
    """Return the error that a reply stands for, None where nothing went wrong.

    >>> failure_in({"kind": "UsageError", "error": "no such model", "traceback": ""})
    UsageError('no such model')
    """
    if "error" not in reply:
        return None
    kind = _KINDS.get(str(reply.get("kind")), MeasurementError)
    error = kind(str(reply["error"]))
    error.add_note(str(reply.get("traceback", "")))
    return error
