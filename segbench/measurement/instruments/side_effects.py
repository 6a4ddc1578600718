"""Side effects of an inference, which its figures leave out."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

# What starts threads that compute nothing of a network's: a pool, whose tasks are counted, and
# torch's compiler.
_NO_NETWORK = ("concurrent.futures", "torch._inductor", "torch._dynamo")
OTHER_THREADS = "operators in threads of the network"


@dataclass
class SideEffects:
    """What was seen.

    Attributes:
        remarks: one line each.
        threads: tasks that were given to other threads, in which operators cannot be counted.
    """

    remarks: list[str] = field(default_factory=list)
    threads: int = 0


@contextmanager
def watch_side_effects(images: torch.Tensor) -> Iterator[SideEffects]:
    """Watch one inference.

    Args:
        images: its input, which is to stay as it is.

    >>> images = torch.ones(1)
    >>> with watch_side_effects(images) as seen:
    ...     _ = images.mul_(0.5)
    >>> seen.remarks
    ['it changes its input in place, so that every call gets another one: clone it in forward']
    """
    seen = SideEffects()
    before, threads = images.clone(), torch.get_num_threads()
    with _counted(threading.Thread, "start", seen), _counted(ThreadPoolExecutor, "submit", seen):
        yield seen
    if not torch.equal(images, before):
        seen.remarks.append(
            "it changes its input in place, so that every call gets another one: clone it in "
            "forward"
        )
        images.copy_(before)
    if torch.get_num_threads() != threads:
        seen.remarks.append(
            f"it sets torch to {torch.get_num_threads()} threads, whatever was asked for"
        )
        torch.set_num_threads(threads)
    if seen.threads:
        seen.remarks.append(
            "it computes in threads of its own, whose operators are not counted and whose number "
            "--threads does not set"
        )


@contextmanager
def _counted(kind: type, method: str, seen: SideEffects) -> Iterator[None]:
    """Count the calls of a method, meanwhile."""
    original = getattr(kind, method)

    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the method takes
        caller = str(sys._getframe(1).f_globals.get("__name__"))  # noqa: SLF001 - the only way
        seen.threads += not caller.startswith(_NO_NETWORK)
        return original(*args, **kwargs)

    setattr(kind, method, call)
    try:
        yield
    finally:
        setattr(kind, method, original)
