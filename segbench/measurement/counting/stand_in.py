"""A stand-in without storage: a model on the meta device has shapes and computes nothing."""

from __future__ import annotations

import copy
import sys
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from segbench.runtimes.model import set_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Inputs: TypeAlias = "Tensor | Sequence[Tensor]"
T = TypeVar("T")

# What torch raises for a kernel that the meta device lacks, for a value asked of a tensor that has
# none, and for a tensor left on another device.
NO_META = (RuntimeError, TypeError, ValueError, AttributeError)


def counted_on_stand_in(
    model: nn.Module,
    inputs: Inputs,
    count: Callable[[nn.Module, tuple[Tensor, ...]], T],
    *,
    train: bool = False,
) -> T:
    """Result of ``count`` for a stand-in of the model, or for the model where none will do.

    The model is left as it was, either way: mode, buffers, gradients, hooks, random numbers.

    Args:
        model: the module to count.
        inputs: one tensor or several, as the model takes them.
        count: takes a module and its inputs; runs the passes it counts.
        train: the mode in which ``count`` finds the module.

    >>> counted_on_stand_in(nn.ReLU(), torch.zeros(2), lambda model, inputs: inputs[0].device.type)
    'meta'
    """
    tensors = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    with as_written():
        try:
            standing = stand_in(model)
            set_mode(standing, training=train)
            return count(standing, tuple(tensor.to("meta") for tensor in tensors))
        except NO_META:
            with left_unchanged(model):
                set_mode(model, training=train)
                return count(model, tensors)


def as_written() -> AbstractContextManager[None]:
    """Return a context in which what ``torch.compile`` has compiled runs as it was written.

    Compiled code calls operators of its own, and keeps its activations out of autograd's sight.
    """
    if "torch._dynamo" not in sys.modules:  # then nothing is compiled, and it takes a second
        return nullcontext()
    stance: AbstractContextManager[None] = torch.compiler.set_stance("force_eager")
    return stance


def is_scripted(model: nn.Module) -> bool:
    """Tell whether a module or a part of it was scripted or traced by ``torch.jit``.

    >>> is_scripted(nn.ReLU())
    False
    """
    return any(isinstance(module, torch.jit.ScriptModule) for module in model.modules())


def stand_in(model: nn.Module) -> nn.Module:
    """Copy of a model with its parameters and buffers on the meta device; no weight is copied.

    >>> stand_in(nn.Conv2d(3, 8, 3)).weight.is_meta
    True
    """
    memo: dict[int, object] = {}
    for parameter in model.parameters():
        hollow = torch.empty_like(parameter, device="meta", requires_grad=False)
        memo[id(parameter)] = nn.Parameter(hollow, requires_grad=parameter.requires_grad)
    for buffer in model.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device="meta")
    return copy.deepcopy(model, memo)


@contextmanager
def left_unchanged(model: nn.Module) -> Iterator[None]:
    """Put mode, buffers, gradients, hooks and random numbers back as they were.

    >>> norm = nn.BatchNorm2d(3)
    >>> with left_unchanged(norm):
    ...     _ = norm.eval()(torch.zeros(1, 3, 2, 2))
    >>> norm.training
    True
    """
    modes = {module: module.training for module in model.modules()}
    hooks = [
        (registered, dict(registered))
        for module in modes
        for registered in (module._forward_hooks, module._forward_pre_hooks)  # noqa: SLF001
    ]
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in modes
        for name, buffer in module.named_buffers(recurse=False)
    ]
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    for parameter, _ in gradients:
        parameter.grad = None
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for parameter, gradient in gradients:
            parameter.grad = gradient
        for module, mode in modes.items():
            if module.training is not mode:
                module.training = mode
        for registered, before in hooks:  # fvcore leaves its own behind when a trace fails
            registered.clear()
            registered.update(before)
        with torch.no_grad():
            for module, name, buffer, value in buffers:
                buffer.copy_(value)
                setattr(module, name, buffer)


def is_meta(model: nn.Module, inputs: Sequence[Tensor]) -> bool:
    """Whether everything that the model works with is on the meta device.

    >>> is_meta(nn.ReLU(), (torch.zeros(1, device="meta"),))
    True
    """
    return all(tensor.is_meta for tensor in chain(inputs, model.parameters(), model.buffers()))
