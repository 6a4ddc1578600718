"""Trained networks that come with segbench: names that stand for a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent
# What each is; how they were trained stands in studies/pretrained.py.
PRETRAINED: Mapping[str, str] = {
    "segfast-streets": "SegFast, trained on the procedural driving scenes of `streets`",
}


def pretrained(name: str) -> Path | None:
    """Return the checkpoint of this name, in half precision; None if none has it.

    >>> pretrained("segfast-streets").suffix
    '.safetensors'
    >>> pretrained("segnet-streets") is None
    True
    """
    return FOLDER / f"{name}.safetensors" if name in PRETRAINED else None
