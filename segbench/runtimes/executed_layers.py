"""Layers that an engine executed, traced back to the operations of the graph it was given.

An engine fuses operations, renames them and adds some of its own. What it executes says of which
operations it is; those that nothing executed says belong to the layer that takes what they make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOVES = frozenset(
    {
        *("cast", "concat", "convert", "depthtospace", "expand", "broadcast", "flatten", "gather"),
        *("gatherelements", "gathernd", "identity", "pad", "reorder", "reorderinput"),
        *("reorderoutput", "reshape", "scatterelements", "scatterelementsupdate", "scatternd"),
        *("scatterndupdate", "shape", "shapeof", "shufflechannels", "slice", "spacetodepth"),
        *("split", "squeeze", "stridedslice", "tile", "transpose", "unsqueeze", "variadicsplit"),
    }
)
"""Kinds of layers that move values and compute none, in small letters."""


@dataclass(frozen=True)
class Operation:
    """One operation of the graph that an engine was given.

    Attributes:
        module: qualified name of the module that called it; None where that is not known.
        sources: names of the operations whose results it takes.
        macs: 0 of one without products; None where they cannot be known.
    """

    module: str | None
    sources: tuple[str, ...]
    macs: int | None = 0


@dataclass(frozen=True)
class Node:
    """What an engine has for one or several operations, or for none.

    Attributes:
        name: the engine's own.
        kind: of operation, as the engine calls it.
        operations: names of those that the engine says it is.
        sources: names of the nodes whose results it takes.
        time_s: None of one that took no part in an inference.
        output_shape: of its first result; empty where it is not known.
        output_bytes: of all its results.
        moved_bytes: of what it reads and what it writes; None where a shape is not known.
        exec_type: the engine's implementation of it; None where the engine does not tell.
        dtype: what it computed with, by torch's name; None where the engine does not tell.
    """

    name: str
    kind: str
    operations: tuple[str, ...]
    sources: tuple[str, ...]
    time_s: float | None
    output_shape: tuple[int, ...]
    output_bytes: int
    moved_bytes: int | None
    exec_type: str | None = None
    dtype: str | None = None

    @property
    def moves(self) -> bool:
        """Whether it moves values and computes none."""
        return self.kind.lower() in MOVES


@dataclass(frozen=True)
class ExecutedLayer:
    """A node that took part, with what was found of its operations.

    Attributes:
        module: that called its operation with products, else its last operation, else another; of a
            node without operations, the module whose result it takes. None where none is known.
        is_added: whether the engine added it: it is no operation of the graph.
        macs: None where they cannot be known.
    """

    node: Node
    module: str | None
    is_added: bool
    macs: int | None


def trace(nodes: Sequence[Node], graph: Mapping[str, Operation]) -> list[ExecutedLayer]:
    """Return the nodes that took part, each with the MACs and the module of its operations.

    An operation is counted once, with the node that says it is it, or else with the first that
    takes its result through none but such operations.

    Args:
        nodes: in the order in which they are executed.
        graph: its operations by name, in the same order or another.

    >>> graph = {"conv": Operation("stem.0", ("images",), 864), "relu": Operation("stem.1",
    ...     ("conv",))}
    >>> node = Node("relu_nchwc", "Conv", ("relu",), (), 1e-3, (1, 8, 6, 6), 1152, 2304)
    >>> layer, = trace([node], graph)
    >>> layer.module, layer.macs
    ('stem.0', 864)
    """
    owners: dict[str, str] = {}
    for node in nodes:
        for name in node.operations:
            if name in graph:
                owners.setdefault(name, node.name)
    modules: dict[str, str | None] = {}
    found = []
    for node in nodes:
        own = [name for name in node.operations if owners.get(name) == node.name]
        group = [graph[name] for name in _with_unclaimed(own, graph, owners, node.name)]
        layer = _describe(node, group, modules)
        modules[node.name] = layer.module
        if node.time_s is not None:
            found.append(layer)
    return found


def _with_unclaimed(
    own: list[str], graph: Mapping[str, Operation], owners: dict[str, str], node: str
) -> list[str]:
    """Return a node's operations, the last first, and those without an owner that lead to them."""
    group = own[::-1]
    for name in group:  # it grows meanwhile
        for source in graph[name].sources:
            if source in graph and source not in owners:
                owners[source] = node
                group.append(source)
    return group


def _describe(
    node: Node, group: list[Operation], modules: Mapping[str, str | None]
) -> ExecutedLayer:
    if not group:
        taken = (modules[name] for name in node.sources if modules.get(name) is not None)
        return ExecutedLayer(node, next(taken, None), is_added=True, macs=0 if node.moves else None)
    known = [each.macs for each in group if each.macs is not None]
    products_first = sorted(group, key=lambda each: each.macs == 0)
    named = (each.module for each in products_first if each.module is not None)
    macs = sum(known) if len(known) == len(group) else None
    return ExecutedLayer(node, next(named, None), is_added=False, macs=macs)
