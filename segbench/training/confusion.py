"""Confusion matrix: pixel accuracy and intersection over union, by protocol.

Published figures differ in their treatment of void pixels and of absent classes. So each figure
carries the name of its protocol.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, get_args

import numpy as np

from segbench.data.scenes import VOID
from segbench.errors import UsageError
from segbench.results.evaluation import PROTOCOLS, Protocol, Quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Ids = NDArray[np.integer]


class ConfusionMatrix:
    """Pixels by labelled and by predicted class; void is the last of each.

    >>> matrix = ConfusionMatrix(2)
    >>> matrix.add(np.array([0, 0, 1, 255]), np.array([0, 1, 1, 1]))
    >>> matrix.quality("strict").iou
    (0.5, 0.5)
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.counts: Counts = np.zeros((classes + 1, classes + 1), np.int64)

    def add(self, label: Ids, prediction: Ids) -> None:
        """Count pixels.

        Args:
            label: class ids, 255 for void, of any shape.
            prediction: class ids of the same shape; void has the number of classes as its id.

        Raises:
            UsageError: an id belongs to no class.
        """
        size = self.classes + 1
        rows = np.where(label == VOID, self.classes, label).astype(np.int64).ravel()
        columns = prediction.astype(np.int64).ravel()
        for ids, what in ((rows, "label"), (columns, "prediction")):
            if ids.size and (ids.min() < 0 or ids.max() > self.classes):
                raise UsageError(
                    f"a {what} has the class {int(ids.max())}, and there are {self.classes}"
                )
        self.counts += np.bincount(rows * size + columns, minlength=size**2).reshape(size, size)

    def quality(self, protocol: Protocol = "strict") -> Quality:
        """Return the figures by a protocol.

        Raises:
            UsageError: there is no such protocol.
        """
        if protocol not in PROTOCOLS:
            names = ", ".join(get_args(Protocol))
            raise UsageError(f"unknown protocol {protocol!r} (protocols: {names})")
        has_void = protocol in {"void-as-class", "add-one"}
        seen = self.counts if has_void else self.counts[:-1]  # labelled pixels
        classes = self.classes + has_void
        hits = np.diag(self.counts)[:classes]
        union = seen.sum(axis=1)[:classes] + seen.sum(axis=0)[:classes] - hits
        extra = int(protocol == "add-one")
        counted = hits > 0 if protocol == "tp-nonzero" else union + extra > 0
        iou = [
            (int(hit) + extra) / (int(all_) + extra) if counts else None
            for hit, all_, counts in zip(hits, union, counted, strict=True)
        ]
        kept = [value for value in iou if value is not None]
        pixels = int(seen.sum())
        return Quality(
            protocol=protocol,
            pixel_accuracy=int(hits.sum()) / pixels if pixels else None,
            miou=math.fsum(kept) / len(kept) if kept else None,
            iou=tuple(iou),
            left_out=len(iou) - len(kept),
            pixels=pixels,
        )
