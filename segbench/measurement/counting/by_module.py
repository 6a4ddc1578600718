"""The forward pass, counted for every module of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from segbench.measurement.counting.dispatched import DispatchCounter
from segbench.measurement.counting.operation_count import OperationCount, Tally
from segbench.measurement.counting.stand_in import Inputs, counted_on_stand_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.utils.hooks import RemovableHandle


def count_by_module(model: nn.Module, inputs: Inputs) -> dict[str, OperationCount]:
    """Count one forward pass in eval mode for every module, its children included.

    Args:
        model: any module; it is left as it was.
        inputs: one tensor or several.

    Returns:
        Qualified module name -> count, in the order of ``named_modules``; ``""`` is the whole
        model. A module never called counts 0; one that is shared stands under its first name.

    >>> model = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.ReLU())
    >>> counts = count_by_module(model, torch.zeros(1, 3, 4, 4))
    >>> {name: count.flops for name, count in counts.items()}
    {'': 896, '0': 768, '1': 128}
    """
    return counted_on_stand_in(model, inputs, _count_modules)


def _count_modules(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, OperationCount]:
    tallies = {name: Tally() for name, _ in model.named_modules()}
    running: list[str] = []

    def owners() -> list[Tally]:
        names = {owner for name in running for owner in _with_owners(name)}
        return [tallies[name] for name in names if name in tallies]

    handles: list[RemovableHandle] = []
    try:
        for name, module in model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):  # which takes no hooks
                continue
            handles.append(module.register_forward_pre_hook(_entering(running, name)))
            handles.append(module.register_forward_hook(_leaving(running)))
        with torch.no_grad(), DispatchCounter(owners):
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return {name: tally.count() for name, tally in tallies.items()}


def _with_owners(name: str) -> list[str]:
    """A module and all it is part of: a list of modules is never called, its items are."""
    parts = name.split(".") if name else []
    return [".".join(parts[:depth]) for depth in range(len(parts) + 1)]


def _entering(running: list[str], name: str) -> Callable[[nn.Module, object], None]:
    return lambda _module, _inputs: running.append(name)


def _leaving(running: list[str]) -> Callable[[nn.Module, object, object], None]:
    def leave(_module: nn.Module, _inputs: object, _outputs: object) -> None:
        running.pop()

    return leave
