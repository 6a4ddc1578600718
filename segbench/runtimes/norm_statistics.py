"""Statistics of batch norms such as training leaves, for networks that were not trained.

A batch norm as it is built has no shift and a scale of 1. Engines drop what has no effect, so a
freshly built network is faster in them than the same network with trained weights.
"""

from __future__ import annotations

import torch
from torch import nn

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def fill_statistics(model: nn.Module, *, seed: int) -> int:
    """Give batch norms that are as they were built seeded statistics, scales and shifts.

    Means and shifts are around 0, variances and scales around 1, so that activations keep their
    size. Others are left as they are.

    Returns:
        How many were filled.

    >>> norm = nn.BatchNorm2d(4)
    >>> fill_statistics(norm, seed=0), bool((norm.running_mean != 0).all())
    (1, True)
    >>> fill_statistics(norm, seed=0)
    0
    """
    generator = torch.Generator().manual_seed(seed)
    fresh = [module for module in model.modules() if _is_fresh(module)]
    for norm in fresh:
        _fill(norm, generator)
    return len(fresh)


def _is_fresh(module: nn.Module) -> bool:
    """Tell whether a module is a batch norm that nothing was done to."""
    if not isinstance(module, NORMS) or module.running_mean is None:
        return False
    parts = [(module.running_mean, 0.0), (module.running_var, 1.0)]
    if module.affine:
        parts += [(module.weight, 1.0), (module.bias, 0.0)]
    return all(part is not None and bool((part.detach() == value).all()) for part, value in parts)


def _fill(norm: nn.Module, generator: torch.Generator) -> None:
    def draw(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
        numbers = torch.rand(like.shape, generator=generator) * (high - low) + low
        return numbers.to(like.device, like.dtype)

    with torch.no_grad():
        for name, low, high in (
            ("running_mean", -0.2, 0.2),
            ("running_var", 0.7, 1.4),
            ("weight", 0.7, 1.4),
            ("bias", -0.2, 0.2),
        ):
            part = getattr(norm, name)
            if part is not None:
                part.copy_(draw(part, low, high))
