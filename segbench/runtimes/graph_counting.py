"""Multiply-accumulates of a graph file: one for each weight that meets a value.

A convolution has one for each output and each weight of a filter, a transposed one for each input
and each weight that it spreads to, a product of matrices one for each output and each element of a
row. Additions, activations and pooling have none. Weights are constants of numbers with a point, or
of 8 bits, with more than one element.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """An operator that multiplies.

    Attributes:
        values: shape of what each weight of a filter meets; None where there is no rule.
        filter: shape of the weights that meet one value. A length of 0 or none is not known.
    """

    kind: str
    values: tuple[int, ...] | None
    filter: tuple[int, ...]


def count_work(works: Iterable[Work]) -> tuple[int | None, dict[str, int]]:
    """Return the multiply-accumulates of all operators, and those without a rule by their kind.

    >>> count_work([Work("Conv", (1, 8, 4, 4), (3, 3, 3)), Work("LSTM", None, ())])
    (3456, {'LSTM': 1})
    >>> count_work([Work("Conv", (), (3, 3, 3))])  # of a shape that is not known
    (None, {})
    """
    uncounted: Counter[str] = Counter()
    total: int | None = 0
    for work in works:
        if work.values is None:
            uncounted[work.kind] += 1
            continue
        macs = math.prod(work.values) * math.prod(work.filter)
        is_known = bool(work.values) and bool(work.filter) and macs > 0
        total = total + macs if total is not None and is_known else None
    return total, dict(uncounted)
