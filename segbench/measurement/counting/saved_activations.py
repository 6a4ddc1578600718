"""The activations that a training step holds on to from its forward pass to its backward pass."""

from __future__ import annotations

import copy
import weakref
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from segbench.measurement.counting.stand_in import (
    NO_META,
    Inputs,
    as_written,
    is_scripted,
    left_unchanged,
)
from segbench.runtimes.model import set_mode

if TYPE_CHECKING:
    from collections.abc import Iterable


def count_saved_activations(model: nn.Module, inputs: Inputs) -> int | None:
    """Bytes of what autograd keeps of one forward pass in train mode, until the backward pass.

    The network alone counts, without a loss. What is counted are storages, each once and whole:
    a tensor that two operators save counts once, and of a crop or another view that is saved, all
    of the memory that it keeps from being freed. Masks and indices count with their own type: on a
    CPU, 8 bytes for each maximum of a max pooling and 4 for each number that dropout draws.
    Parameters, buffers and the inputs do not count, for they are there anyway, and neither do
    views of them; a tensor that a module holds without registering it does.

    The bytes follow from shapes and types: they are the same for every content, on every machine
    and in every run. Wherever it can, the pass runs on tensors without storage that follow the
    rules of the model's device. A model whose parameters are all frozen keeps nothing: 0. Of a
    part under a checkpoint, only its inputs are kept. What a custom function stores by other means
    than ``save_for_backward`` is not seen.

    Args:
        model: any module; mode, buffers and gradients are left as they were.
        inputs: one tensor or several, as a training step has them (a batch norm over a single
            value refuses to train).

    Returns:
        None if a tensor without a single storage is kept, a sparse one for instance, or where a
        part of the model is scripted, whose tensors autograd does not show.

    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 1))
    >>> count_saved_activations(model, torch.zeros(1, 3, 32, 32))  # what the ReLU returns
    32768
    """
    if is_scripted(model):
        return None
    tensors = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    with as_written():
        try:
            return _count_hollow(model, tensors)
        except NO_META:  # what a model raises that asks for values; its own errors come again
            with left_unchanged(model):
                set_mode(model, training=True)
                return _count_kept(model, tensors)


def _count_hollow(model: nn.Module, inputs: tuple[Tensor, ...]) -> int | None:
    # Not the meta device: there, attention and frozen batch norms keep other tensors than on a CPU.
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    memo: dict[int, object] = {
        id(tensor): mode.from_tensor(tensor)
        for tensor in chain(model.parameters(), model.buffers())
    }
    hollow = copy.deepcopy(model, memo)
    set_mode(hollow, training=True)
    with mode:
        return _count_kept(hollow, tuple(mode.from_tensor(tensor) for tensor in inputs))


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class _Kept:
    """A tensor in the keeping of the graph, which is all that refers to this object."""

    tensor: Tensor


def _count_kept(model: nn.Module, inputs: tuple[Tensor, ...]) -> int | None:
    living: weakref.WeakSet[_Kept] = weakref.WeakSet()

    def keep(tensor: Tensor) -> _Kept:
        kept = _Kept(tensor.detach())  # an operator's result would hold on to the graph
        living.add(kept)
        return kept

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept.tensor)
    with torch.enable_grad(), hooks:
        outputs = model(*(tensor.detach() for tensor in inputs))
    # A result that was thrown away has freed its graph: what still lives is what is kept.
    tensors = [kept.tensor for kept in living]
    del outputs
    if not all(_has_storage(tensor) for tensor in tensors):
        return None
    there_anyway = _storages(chain(model.parameters(), model.buffers(), inputs))
    saved = _storages(tensors)
    return sum(size for storage, size in saved.items() if storage not in there_anyway)


def _storages(tensors: Iterable[Tensor]) -> dict[int, int]:
    """Bytes of every storage, by what tells it from all others as long as its tensors live."""
    storages = (tensor.untyped_storage() for tensor in tensors if _has_storage(tensor))
    return {storage._cdata: storage.nbytes() for storage in storages}  # noqa: SLF001


def _has_storage(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided
