"""Eager PyTorch in inference mode: the module called as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from segbench.runtimes import Forward


def prepare(model: nn.Module, images: Tensor) -> Forward:  # noqa: ARG001 - other runtimes compile for it
    """Put the model into evaluation mode and return its call without gradients.

    >>> prepare(torch.nn.Conv2d(3, 5, 1), torch.zeros(1, 3, 8, 8))(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 5, 8, 8])
    """
    model.eval()

    def forward(batch: Tensor) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = model(batch)
            return logits

    return forward
