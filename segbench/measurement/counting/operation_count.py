"""Counts of operations: multiply-accumulates, operations, and operators without a rule."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class OperationShare:
    """What one kind of operation contributes: its calls, its MACs, its flops.

    >>> OperationShare(operation="relu", calls=1, macs=0, flops=256).flops
    256
    """

    operation: str
    calls: int
    macs: int
    flops: int


@dataclass(frozen=True)
class OperationCount:
    """Operations of one pass.

    Args:
        macs: multiply-accumulates of convolutions and matrix products; a bias is none.
        flops: ``2 * macs`` and the elementary arithmetic of every other operator with a rule.
        uncounted: operators without a rule, by name, with their number of calls.
        by_operation: the shares that sum to ``macs`` and ``flops``, sorted by name.

    >>> OperationCount(macs=8, flops=16, uncounted=(("aten::cumsum", 2),)).is_complete
    False
    """

    macs: int
    flops: int
    uncounted: tuple[tuple[str, int], ...] = ()
    by_operation: tuple[OperationShare, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every operator that ran has a rule."""
        return not self.uncounted


class Tally:
    """Adds up calls into an ``OperationCount``.

    >>> tally = Tally()
    >>> tally.add("convolution", macs=8, elementary=2)
    >>> tally.leave_out("aten::cumsum")
    >>> tally.count().flops, tally.count().uncounted
    (18, (('aten::cumsum', 1),))
    """

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._macs: Counter[str] = Counter()
        self._elementary: Counter[str] = Counter()
        self._uncounted: Counter[str] = Counter()

    def add(self, operation: str, *, macs: int = 0, elementary: int = 0, calls: int = 1) -> None:
        """Add calls of an operation that has a rule."""
        self._calls[operation] += calls
        self._macs[operation] += macs
        self._elementary[operation] += elementary

    def leave_out(self, operator: str, *, calls: int = 1) -> None:
        """Note calls of an operator that has no rule."""
        self._uncounted[operator] += calls

    def count(self) -> OperationCount:
        """Everything added so far."""
        shares = tuple(
            OperationShare(
                operation=name,
                calls=self._calls[name],
                macs=self._macs[name],
                flops=2 * self._macs[name] + self._elementary[name],
            )
            for name in sorted(self._calls)
            if self._macs[name] or self._elementary[name]  # dropout in eval mode has no share
        )
        return OperationCount(
            macs=sum(share.macs for share in shares),
            flops=sum(share.flops for share in shares),
            uncounted=tuple(sorted(self._uncounted.items())),
            by_operation=shares,
        )
