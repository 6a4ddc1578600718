"""The forward pass, counted by fvcore where the model can be traced and by dispatch elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from segbench.measurement.counting.dispatched import count_forward_by_dispatch
from segbench.measurement.counting.stand_in import NO_META, Inputs
from segbench.measurement.counting.traced import count_forward

if TYPE_CHECKING:
    from torch import nn

    from segbench.measurement.counting.operation_count import OperationCount


@dataclass(frozen=True)
class MethodAndCount:
    """A count and how it was made."""

    method: Literal["fvcore", "dispatch"]
    count: OperationCount


def count_traced_or_dispatched(model: nn.Module, inputs: Inputs) -> MethodAndCount:
    """Count one forward pass in eval mode with fvcore, or by dispatch if no trace can be had.

    >>> import torch
    >>> from torch import nn
    >>> count_traced_or_dispatched(nn.ReLU(), torch.zeros(1, 8)).method
    'fvcore'
    """
    try:
        traced = count_forward(model, inputs)
    except NO_META:  # what the tracer raises is of the same kinds; the model's own comes again
        return MethodAndCount("dispatch", count_forward_by_dispatch(model, inputs))
    if traced.is_complete:
        return MethodAndCount("fvcore", traced)
    # The two see some operators under different names, whole in the graph and as parts when run.
    dispatched = count_forward_by_dispatch(model, inputs)
    if dispatched.is_complete:
        return MethodAndCount("dispatch", dispatched)
    return MethodAndCount("fvcore", traced)
