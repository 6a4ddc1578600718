"""Optimizer of a training run, and running mean of its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

if TYPE_CHECKING:
    from segbench.training.recipes import Recipe


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return Adam with decoupled weight decay (AdamW), if the recipe has any.

    The step is fused: a single call for all parameters, instead of a dozen operators for each.
    """
    return torch.optim.Adam(
        network.parameters(),
        lr=recipe.rate,
        betas=recipe.betas,
        eps=recipe.epsilon,
        weight_decay=recipe.decay,
        decoupled_weight_decay=True,
        fused=True,
    )


def as_laid_out(moment: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return a moment in the memory layout of its weight.

    The step reads both side by side, and a file keeps no memory layout.

    >>> weight = torch.zeros(4, 3, 2, 2).to(memory_format=torch.channels_last)
    >>> as_laid_out(torch.ones(4, 3, 2, 2), weight).stride() == weight.stride()
    True
    """
    if moment.shape != weight.shape:  # the step counter
        return moment
    return torch.empty_like(weight).copy_(moment)


def make_average(network: nn.Module, recipe: Recipe) -> AveragedModel | None:
    """Return a running mean of the weights and batch-norm statistics; None without one."""
    if not recipe.average:
        return None
    return AveragedModel(
        network, multi_avg_fn=get_ema_multi_avg_fn(recipe.average), use_buffers=True
    )
