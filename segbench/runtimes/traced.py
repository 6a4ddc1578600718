"""Traced networks: the graph of a network's calls, in which modules are replaced by others."""

from __future__ import annotations

import copy
from collections import Counter
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor, fx, nn

from segbench.runtimes.model import set_mode
from zoo.exporting import max_unpool

M = TypeVar("M", bound=nn.Module)


class TracedNetwork:
    """A copy of a network in evaluation mode, and the graph of the calls that it makes.

    Tensors of weights are the network's own, and none of them is changed.

    Raises:
        ValueError: one of its modules that call others has hooks, which a graph does not have.
        Exception: whatever the network, or torch.fx, raises while it is traced.

    >>> traced = TracedNetwork(nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU()))
    >>> [str(node) for node in traced.calls(nn.Conv2d)]
    ['_0']
    """

    def __init__(self, network: nn.Module) -> None:
        tensors = chain(network.parameters(), network.buffers())
        self.original = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
        set_mode(self.original, training=False)
        tracer = _Tracer(autowrap_functions=(max_unpool,))
        hooked = [name for name, module in self.original.named_modules() if _has_hooks(module)]
        for name in hooked:
            if not tracer.is_leaf_module(self.original.get_submodule(name), name):
                raise ValueError(f"module {name!r} has hooks" if name else "it has hooks")
        with torch.no_grad():
            graph = tracer.trace(self.original)
        self.module = fx.GraphModule(self.original, graph, type(network).__name__)
        self._kept = dict.fromkeys(hooked, "seen by hooks")
        self._keep_what_is_shared()

    def _keep_what_is_shared(self) -> None:
        calls: Counter[str] = Counter()
        owners: Counter[int] = Counter()
        for module in self.original.modules():
            owners.update(id(tensor) for tensor in module.parameters(recurse=False))
        for node in self.module.graph.nodes:
            if node.op == "call_module":
                calls[node.target] += 1
                weights = self.module_of(node).parameters()
                if any(owners[id(weight)] > 1 for weight in weights):
                    self._kept.setdefault(node.target, "sharing its weights")
            elif node.op == "get_attr":
                owner, _, _ = node.target.rpartition(".")
                self._kept.setdefault(owner, "with weights that others read")
        for target, number in calls.items():
            if number > 1:
                self._kept.setdefault(target, "called more than once")

    def calls(self, kind: type[nn.Module]) -> list[fx.Node]:
        """Return the calls of modules of exactly this type, in their order."""
        return [node for node in self.module.graph.nodes if self.is_call(node, kind)]

    def is_call(self, node: object, kind: type[nn.Module]) -> bool:
        """Tell whether a node calls a module of exactly this type, with a map and nothing else."""
        return (
            isinstance(node, fx.Node)
            and node.op == "call_module"
            and type(self.module_of(node)) is kind
            and len(node.args) == 1
            and not node.kwargs
        )

    def module_of(self, node: fx.Node) -> nn.Module:
        """Return the module that a node calls."""
        return self.module.get_submodule(str(node.target))

    def module_as(self, node: fx.Node, kind: type[M]) -> M:
        """Return the module that a node calls, whose type is known."""
        module = self.module_of(node)
        assert isinstance(module, kind)  # noqa: S101 - see above
        return module

    def why_kept(self, node: fx.Node) -> str | None:
        """Return why a node's module must stay as it is; None where it need not."""
        return self._kept.get(str(node.target))

    def before(self, node: fx.Node, kind: type[nn.Module]) -> fx.Node | None:
        """Return the call whose output a node reads, where nothing else reads it.

        None where it is of another type, or must stay.
        """
        found = node.args[0]
        if not isinstance(found, fx.Node) or not self.is_call(found, kind):
            return None
        return found if len(found.users) == 1 and self.why_kept(found) is None else None

    def after(self, node: fx.Node, kind: type[nn.Module]) -> fx.Node | None:
        """Return the call that reads a node's output, where nothing else does; likewise."""
        if len(node.users) != 1:
            return None
        (found,) = node.users
        return found if self.is_call(found, kind) and self.why_kept(found) is None else None

    def replace(self, nodes: list[fx.Node], module: nn.Module, *, name: str) -> None:
        """Let one module do what a chain of calls does; calls that nothing reads then are gone.

        It is called where the first was, for what the chain reads may be changed in place later.

        Args:
            nodes: each reads the one before it, and nothing else.
            name: the submodule that it takes the place of.
        """
        first, last = nodes[0], nodes[-1]
        with self.module.graph.inserting_before(first):
            new = self.module.graph.call_module(name, first.args)
        last.replace_all_uses_with(new)
        for node in reversed(nodes):
            if not node.users:
                self.module.graph.erase_node(node)
        self.module.set_submodule(name, module.train(mode=False))

    def lower(self) -> fx.GraphModule:
        """Return the module of the graph as it is by now."""
        self.module.delete_all_unused_submodules()
        self.module.graph.lint()
        self.module.recompile()
        return self.module


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, torch.jit.ScriptModule):
            return True
        return super().is_leaf_module(m, module_qualified_name)


def _has_hooks(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)  # noqa: SLF001 - no other way


def scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return what a batch norm in evaluation mode multiplies each channel by, and then adds.

    They are in double precision.

    >>> norm = nn.BatchNorm2d(2, eps=0.0)
    >>> _ = norm.running_mean.fill_(1.0), norm.running_var.fill_(4.0)
    >>> scale_and_shift(norm)[0].tolist(), scale_and_shift(norm)[1].tolist()
    ([0.5, 0.5], [-0.5, -0.5])
    """
    assert norm.running_mean is not None  # noqa: S101 - only such norms are folded
    assert norm.running_var is not None  # noqa: S101 - likewise
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.detach().double()
    shift = -norm.running_mean.double() * scale
    if norm.bias is not None:
        shift = shift + norm.bias.detach().double()
    return scale, shift


def why_no_affine_map(norm: nn.BatchNorm2d) -> str | None:
    """Return why a batch norm is no scale and shift of each channel; None where it is."""
    if norm.running_mean is None or norm.running_var is None:
        return "normalising by each batch's own statistics"
    if norm.training:
        return "in training mode"
    return None
