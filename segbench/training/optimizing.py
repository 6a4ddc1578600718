"""What changes the weights in each step, and what remembers them: optimizer and running mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

if TYPE_CHECKING:
    from segbench.training.recipes import Recipe


def make_optimizer(network: nn.Module, plan: Recipe) -> torch.optim.Optimizer:
    """Return Adam over a network's parameters, or AdamW where weights decay."""
    parameters = network.parameters()
    if plan.decay:
        return torch.optim.AdamW(
            parameters, lr=plan.rate, betas=plan.betas, eps=plan.epsilon, weight_decay=plan.decay
        )
    return torch.optim.Adam(parameters, lr=plan.rate, betas=plan.betas, eps=plan.epsilon)


def make_average(network: nn.Module, plan: Recipe) -> AveragedModel | None:
    """Return the running mean of the weights and of the statistics of batch norm."""
    if not plan.average:
        return None
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(plan.average), use_buffers=True)
