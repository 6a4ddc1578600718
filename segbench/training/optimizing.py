"""What changes the weights in each step, and what remembers them: optimizer and running mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

if TYPE_CHECKING:
    from segbench.training.recipes import Recipe


def make_optimizer(network: nn.Module, plan: Recipe) -> torch.optim.Optimizer:
    """Return Adam over a network's parameters, whose weights decay apart from it (AdamW) if at all.

    Its step is a single call for all of them, where a loop calls a dozen operators for each.
    """
    return torch.optim.Adam(
        network.parameters(),
        lr=plan.rate,
        betas=plan.betas,
        eps=plan.epsilon,
        weight_decay=plan.decay,
        decoupled_weight_decay=True,
        fused=True,
    )


def as_laid_out(moment: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return a moment of a weight with its numbers in the order of the weight's in memory.

    The step reads them side by side, and a file keeps none but the order of the axes.

    >>> weight = torch.zeros(4, 3, 2, 2).to(memory_format=torch.channels_last)
    >>> as_laid_out(torch.ones(4, 3, 2, 2), weight).stride() == weight.stride()
    True
    """
    if moment.shape != weight.shape:  # the number of steps
        return moment
    return torch.empty_like(weight).copy_(moment)


def make_average(network: nn.Module, plan: Recipe) -> AveragedModel | None:
    """Return the running mean of the weights and of the statistics of batch norm."""
    if not plan.average:
        return None
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(plan.average), use_buffers=True)
