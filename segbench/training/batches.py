"""Batches: shuffled by seed and epoch, normalised, channels last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from segbench.data.scenes import VOID
from segbench.runtimes.inputs import normalised

if TYPE_CHECKING:
    from segbench.data.cache import Arrays

Batch = tuple[torch.Tensor, torch.Tensor]


def order_of(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """Return the order of an epoch, which follows from the seed alone.

    >>> order_of(5, seed=0, epoch=1).tolist() == order_of(5, seed=0, epoch=1).tolist()
    True
    """
    return np.random.default_rng([seed, epoch]).permutation(count)


def batches(
    arrays: Arrays,
    order: np.ndarray,
    *,
    size: int,
    void: int,
    device: torch.device,
    part: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
    """Yield images and labels in an order.

    Args:
        size: scenes in a batch; the last may have fewer.
        void: label of void pixels: a class of the network, or the value that the loss ignores.
        part: rank of the device and number of devices; each gets a part of every batch. Where the
            last batch has fewer scenes than there are devices, some get one of its scenes again.

    Yields:
        Normalised floats (batch, 3, height, width), channels last; ids (batch, height, width).
    """
    rank, devices = part
    for start in range(0, len(order), size):
        whole = order[start : start + size]
        share = whole[rank::devices] if len(whole) > rank else whole[:1]
        chosen = np.sort(share)  # the order within a batch is free; this one suits the disk
        images = normalised(torch.from_numpy(arrays.images[chosen]).to(device))
        labels = torch.from_numpy(arrays.labels[chosen]).to(device).long()
        yield images, labels.masked_fill_(labels == VOID, void)
