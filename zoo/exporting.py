"""Forms of layers that engines can take over, while a network is exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["exporting", "max_unpool"]

# No context variable, for torch.compile takes none into its graph.
_STATE = {"exporting": False}


@contextmanager
def exporting() -> Iterator[None]:
    """Let layers take a form that every engine has, while a network is traced for it."""
    before, _STATE["exporting"] = _STATE["exporting"], True
    try:
        yield
    finally:
        _STATE["exporting"] = before


def max_unpool(pooled: Tensor, indices: Tensor, size: list[int]) -> Tensor:
    """Return pooled values (batch, channels, rows, columns) at their places, zeros elsewhere.

    Engines have no unpooling, or another one; exported, it is a scatter of the same values.

    Args:
        indices: places in the flattened map, as ``max_pool2d`` returns them.
        size: height and width of the map.

    >>> from torch.nn.functional import max_pool2d
    >>> pooled, at = max_pool2d(torch.eye(4)[None, None], 2, return_indices=True)
    >>> plain = max_unpool(pooled, at, [4, 4])
    >>> with exporting():
    ...     torch.equal(plain, max_unpool(pooled, at, [4, 4]))
    True
    """
    if not _STATE["exporting"]:
        # F.max_unpool2d compares the sizes in Python, and that cannot be traced
        found: Tensor = torch.ops.aten.max_unpool2d.default(pooled, indices, size)
        return found
    batch, channels = pooled.shape[:2]
    height, width = size
    flat = pooled.new_zeros(batch, channels, height * width)
    flat = flat.scatter(2, indices.flatten(2), pooled.flatten(2))
    return flat.reshape(batch, channels, height, width)
