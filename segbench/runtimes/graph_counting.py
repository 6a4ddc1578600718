"""Multiply-accumulates of a graph's operators: one for each weight that meets a value.

A convolution has one for each output and each weight of a filter, a transposed one for each input
and each weight that it spreads to, a product of matrices one for each output and each element of a
row. Additions, activations and pooling have none. Weights are constants of numbers with a point, or
of 8 bits, with more than one element.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Counted(NamedTuple):
    """What was counted of an operator.

    Attributes:
        macs: 0 of one without products; None where a length is not known, or there is no rule.
    """

    kind: str
    macs: int | None
    has_rule: bool = True


def add_up(counted: Iterable[Counted]) -> tuple[int | None, dict[str, int]]:
    """Return the MACs of all operators, and those without a rule by their kind.

    >>> add_up([Counted("Conv", 3456), Counted("LSTM", None, has_rule=False)])
    (3456, {'LSTM': 1})
    >>> add_up([Counted("Conv", None)])  # of a shape that is not known
    (None, {})
    """
    found = list(counted)
    known = [each.macs for each in found if each.has_rule]
    total = None if None in known else sum(macs for macs in known if macs is not None)
    return total, dict(Counter(each.kind for each in found if not each.has_rule))


def convolution_macs(output: Sequence[int], weights: Sequence[int]) -> int:
    """Return the MACs of a convolution.

    Args:
        output: its shape; of a transposed one, that of its input.
        weights: their shape without the axes of groups and of outputs: (inputs in a group, rows,
            columns).

    >>> convolution_macs((1, 8, 6, 6), (3, 3, 3))
    7776
    """
    return math.prod(output) * math.prod(weights)


def matmul_macs(output: Sequence[int], inner: int) -> int:
    """Return the MACs of a product of matrices whose inner length is this.

    >>> matmul_macs((2, 5, 7), 3)
    210
    """
    return math.prod(output) * inner
