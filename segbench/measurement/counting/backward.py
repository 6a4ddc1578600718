"""The backward pass of a network, counted as it is dispatched."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from segbench.measurement.counting.dispatched import DispatchCounter
from segbench.measurement.counting.operation_count import OperationCount, Tally
from segbench.measurement.counting.stand_in import Inputs, counted_on_stand_in


def count_backward(model: nn.Module, inputs: Inputs) -> OperationCount:
    """Count the backward pass of the network alone, after a forward pass in train mode.

    The gradient of the logits is given, so the loss is no part of the count, and nobody asks for
    the gradient of the input: the first convolution has only that of its weights. Parameters that
    are frozen get none. A model without a trainable parameter has no backward pass: 0.

    Args:
        model: any module; mode, buffers and gradients are left as they were.
        inputs: one tensor or several, as a training step has them (a batch norm over a single
            value refuses to train).

    >>> convolution = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    >>> count_backward(convolution, torch.zeros(1, 3, 32, 32)).macs
    221184
    """
    return counted_on_stand_in(model, inputs, _count_gradients, train=True)


def _count_gradients(model: nn.Module, inputs: tuple[Tensor, ...]) -> OperationCount:
    tally = Tally()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with torch.enable_grad():
        leaves = tree_leaves(model(*(tensor.detach() for tensor in inputs)))
    outputs = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.requires_grad]
    if parameters and outputs:
        gradients = [torch.ones_like(output) for output in outputs]
        with DispatchCounter(lambda: [tally]):
            # Not torch.autograd.grad, which a reentrant checkpoint refuses.
            torch.autograd.backward(outputs, gradients)
    return tally.count()
