"""Auxiliary heads: logits that a network returns in training alone, whose losses help it learn.

A network has them if its builder is asked with ``auxiliary=True``. In training it then returns a
tuple, its logits and those of each head, and all weights of the heads are below its attribute
``auxiliary``. What was trained is kept without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from segbench.errors import UsageError
from segbench.runtimes.model import describe_output
from segbench.training.config import AUXILIARY

if TYPE_CHECKING:
    from collections.abc import Mapping


def count_auxiliary(network: nn.Module, name: str) -> int:
    """Return the parameters of a network's auxiliary heads.

    Args:
        name: the network's, for errors.

    Raises:
        UsageError: it has none.
    """
    heads = getattr(network, AUXILIARY, None)
    if not isinstance(heads, nn.Module):
        raise UsageError(
            f"network {name!r} takes the option {AUXILIARY}, and has no module of that name with "
            f"its auxiliary heads; add {AUXILIARY}=false to train without any"
        )
    return sum(weight.numel() for weight in heads.parameters())


def auxiliary_logits(output: object, size: tuple[int, int], name: str) -> list[Tensor]:
    """Return the logits of the auxiliary heads, enlarged to the image's size.

    Raises:
        UsageError: there are none in the output.

    >>> import torch
    >>> output = torch.zeros(1, 5, 8, 8), torch.zeros(1, 5, 2, 2)
    >>> [logits.shape for logits in auxiliary_logits(output, (8, 8), "mine")]
    [torch.Size([1, 5, 8, 8])]
    """
    if not isinstance(output, tuple | list) or len(output) < 2:  # noqa: PLR2004 - its own, theirs
        raise UsageError(
            f"network {name!r} returned {describe_output(output)} in training; with auxiliary "
            "heads it must return a tuple: its logits, and those of each head"
        )
    return [
        logits
        if logits.shape[2:] == size
        else functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        for logits in output[1:]
    ]


def without_auxiliary(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the parameters and buffers that are not those of auxiliary heads."""
    return {
        name: tensor for name, tensor in tensors.items() if not name.startswith(f"{AUXILIARY}.")
    }
