"""Counts of parameters, and the bytes that weights and buffers take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class ParameterCount:
    """Parameters of a module, and bytes; what is shared counts once.

    Args:
        trainable: parameters that receive a gradient.
        frozen: parameters that do not, the packed weights of quantised modules among them.
        weights_bytes: bytes of all parameters.
        buffers_bytes: bytes of all buffers (a batch norm's running statistics).
    """

    trainable: int
    frozen: int
    weights_bytes: int
    buffers_bytes: int

    @property
    def total(self) -> int:
        """Trainable and frozen parameters together."""
        return self.trainable + self.frozen


def count_parameters(model: nn.Module) -> ParameterCount:
    """Count the parameters of a module; one that is shared counts once.

    >>> from torch import nn
    >>> count_parameters(nn.Conv2d(3, 8, 3))
    ParameterCount(trainable=224, frozen=0, weights_bytes=896, buffers_bytes=0)
    """
    parameters: list[Tensor] = [*model.parameters(), *packed_weights(model)]
    return ParameterCount(
        trainable=sum(tensor.numel() for tensor in parameters if tensor.requires_grad),
        frozen=sum(tensor.numel() for tensor in parameters if not tensor.requires_grad),
        weights_bytes=sum(tensor.numel() * tensor.element_size() for tensor in parameters),
        buffers_bytes=sum(tensor.numel() * tensor.element_size() for tensor in model.buffers()),
    )


def packed_weights(model: nn.Module) -> Iterator[Tensor]:
    """Give the weights and biases that quantised modules hold in an engine's own form.

    They are no parameters of torch's; modules of ``torch.ao.nn.quantized`` give them out by methods
    that are called as the parameters of others are.
    """
    for module in model.modules():
        if "quantized" not in type(module).__module__:
            continue
        for name in ("weight", "bias"):
            give = getattr(module, name, None)
            tensor = give() if callable(give) else None
            if tensor is not None:
                yield tensor
