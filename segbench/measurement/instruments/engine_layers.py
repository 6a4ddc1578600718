"""Rows of a table of layers from what an engine executed, named after the network's modules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from segbench.measurement.counting import count_by_module
from segbench.measurement.temporary import held_folder
from segbench.runtimes.executed_layers import ExecutedLayer
from segbench.runtimes.logits import WithHead

if TYPE_CHECKING:
    from torch import nn

    from segbench.measurement.instruments.model_under_test import ModelUnderTest

HOLDS = r"profile.*|optimised\.onnx.*"  # what an engine's folder holds, if it was killed
REFERENCE = "ref"  # what the name of an implementation begins with that is there to be right
FLOATS = ("float", "bfloat")
HEAD, INPUT = "(head)", "(input)"


def engine_rows(tested: ModelUnderTest) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row for each layer that a runtime's engine executes, and what is to be said of them.

    Raises:
        UsageError: the runtime has no profile of its layers.
    """
    tested.find_logits()
    with held_folder("segbench-layers-", holds=HOLDS) as folder:
        layers = tested.executed_layers(folder)
    counts = count_by_module(WithHead(tested.running, tested.heads), tested.images)
    macs = {
        name.removeprefix("network").removeprefix("."): counted.macs
        for name, counted in counts.items()
        if name
    }
    named = _names(layers, _Modules(tested.running, tested.prefix, macs))
    rows = [_row(name, layer) for name, layer in zip(named, layers, strict=True)]
    return rows, _about_macs(rows, macs[""])


def _row(name: str, layer: ExecutedLayer) -> dict[str, Any]:
    node, macs = layer.node, layer.macs
    return {
        "name": name,
        "kind": node.kind,
        "time_s": node.time_s,
        "macs": macs,
        "flops": 2 * macs if macs else 0 if node.moves and macs == 0 else None,
        "params": None,
        "output_shape": node.output_shape,
        "output_bytes": node.output_bytes,
        "moved_bytes": node.moved_bytes,
        "node": node.name,
        "exec_type": node.exec_type,
        "dtype": node.dtype,
    }


class _Modules:
    """The modules of a network, by their names within what an engine was given.

    Args:
        prefix: the network's own name there; empty where the engine was given the network.
        macs: of each module, by its name in the network.
    """

    def __init__(self, network: nn.Module, prefix: str, macs: Mapping[str, int]) -> None:
        self._prefix = prefix
        self.macs = macs
        self.leaves = [name for name, each in network.named_modules() if not any(each.children())]

    def own(self, module: str | None) -> str | None:
        """Return a module's name in the network; None of one that is no part of it."""
        if not self._prefix:
            return module
        if module == self._prefix:
            return ""
        inner = None if module is None else module.removeprefix(f"{self._prefix}.")
        return inner if inner != module else None

    def holds_products(self, name: str) -> bool:
        """Tell whether a module of the network multiplies and adds."""
        return bool(self.macs.get(name))


def _names(layers: Sequence[ExecutedLayer], modules: _Modules) -> list[str]:
    folded = _unfold(layers, modules)
    return [folded.get(layer.node.name) or _name(layer, modules) for layer in layers]


def _name(layer: ExecutedLayer, modules: _Modules) -> str:
    """Return the module's name, with the kind where the layer is not all of a leaf, or none."""
    kind, name = layer.node.kind, modules.own(layer.module)
    if layer.module is None:
        return f"{INPUT}/{kind}" if layer.is_added else layer.node.name
    if name is None:
        return f"{HEAD}/{kind}"
    if layer.macs and not modules.holds_products(name):
        name = _parent(name)
    elif name in modules.leaves and not layer.is_added and not _only_moves(layer, name, modules):
        return name
    return f"{name}/{kind}".removeprefix("/")


def _only_moves(layer: ExecutedLayer, name: str, modules: _Modules) -> bool:
    """Tell whether a layer brings values to the products of a module, or takes them away."""
    return layer.node.moves and modules.holds_products(name)


def _unfold(layers: Sequence[ExecutedLayer], modules: _Modules) -> dict[str, str]:
    """Return modules of layers that are called by another, by the engine's names of the layers.

    A converter that folds a convolution and the batch norm after it may keep the name of the batch
    norm alone. The convolution is among its siblings, and has as many MACs; several such are
    executed in the order in which they stand.
    """
    called = {modules.own(layer.module) for layer in layers if layer.macs}
    missing: dict[tuple[str, int], list[str]] = defaultdict(list)
    for leaf in modules.leaves:
        if modules.holds_products(leaf) and leaf not in called:
            missing[_parent(leaf), modules.macs[leaf]].append(leaf)
    nameless: dict[tuple[str, int], list[str]] = defaultdict(list)
    for layer in layers:
        name = modules.own(layer.module)
        if layer.macs and name and not modules.holds_products(name):
            nameless[_parent(name), layer.macs].append(layer.node.name)
    return {
        node: leaf
        for key, nodes in nameless.items()
        if len(nodes) == len(missing[key])
        for node, leaf in zip(nodes, missing[key], strict=True)
    }


def _parent(name: str) -> str:
    """Return the name of the module that holds another.

    >>> _parent("up1.up.2"), _parent("head")
    ('up1.up', '')
    """
    return name.rpartition(".")[0]


def _about_macs(rows: Sequence[Mapping[str, Any]], expected: int) -> list[str]:
    known = [row["macs"] for row in rows if row["macs"] is not None]
    if len(known) < len(rows) or sum(known) == expected:
        return []
    return [f"the MACs of its layers add up to {sum(known):,}, and the network has {expected:,}"]


def about_layers(rows: Sequence[Mapping[str, Any]], dtype: str) -> list[str]:
    """Return what a reader must know of implementations and precisions, one line each.

    Args:
        dtype: what was asked for, by torch's name.

    >>> rows = [{"kind": "TopK", "exec_type": "ref_f32", "dtype": "float32", "flops": None,
    ...     "share": 0.25}, {"kind": "Conv", "exec_type": None, "dtype": "bfloat16", "flops": 8,
    ...     "share": 0.75}]
    >>> about_layers(rows, "bfloat16")[0]
    '1 of 2 layers ran in a reference implementation, with 25.0 % of their time: TopK'
    """
    slow = [row for row in rows if (row.get("exec_type") or "").startswith(REFERENCE)]
    found = [_told(slow, rows, "ran in a reference implementation")] if slow else []
    others: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        kind = row.get("dtype") or dtype
        if kind != dtype and kind.startswith(FLOATS) and row["flops"] != 0:
            others[kind].append(row)
    for kind, marked in others.items():
        found.append(_told(marked, rows, f"computed with {kind} where {dtype} was asked for"))
    return found


def _told(marked: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], did: str) -> str:
    kinds = Counter(row["kind"] for row in marked)
    named = ", ".join(
        kind if times == 1 else f"{kind} ({times})" for kind, times in kinds.most_common()
    )
    share = 100 * sum(row["share"] for row in marked)
    return f"{len(marked)} of {len(rows)} layers {did}, with {share:.1f} % of their time: {named}"
