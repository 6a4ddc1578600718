"""Replies of the training instrument, as its worker sends and the search reads them."""

from __future__ import annotations

from typing import TypedDict


class RunReply(TypedDict):
    """State of a run.

    Attributes:
        best: best validation mIoU after each epoch.
        done: whether there is no epoch to come.
    """

    best: list[float]
    done: bool


class EpochReply(RunReply):
    """State of a run after one more epoch.

    Attributes:
        seconds: that the epoch took, validation included.
    """

    seconds: float
