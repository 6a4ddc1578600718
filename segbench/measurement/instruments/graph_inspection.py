"""Counts of a graph file: its weights and multiply-accumulates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.errors import UsageError
from segbench.runtimes import graphs_of

if TYPE_CHECKING:
    from segbench.measurement.instruments.graph_under_test import GraphUnderTest
    from segbench.measurement.workers.replies import InspectionReply

METHOD = "graph"


def inspect_graph(under_test: GraphUnderTest, *, strict: bool, training: bool) -> InspectionReply:
    """Return every exact figure of a graph file, see :class:`InspectionInstrument`.

    Raises:
        UsageError: ``strict``, and it has operators without a counting rule.
    """
    shape = tuple(int(length) for length in under_test.images.shape)
    counts = graphs_of(under_test.runtime.name).count(under_test.path, shape)
    if strict and counts.uncounted:
        named = ", ".join(f"{name} ({number})" for name, number in sorted(counts.uncounted.items()))
        raise UsageError(
            f"graph file {str(under_test.path)!r} has operators without a counting rule: {named}; "
            "leave out --strict to count the others"
        )
    withheld = {"saved_activations_bytes": "a graph file keeps nothing for training"}
    if training:
        withheld["training"] = "a graph file runs inference alone"
    if counts.macs is None:
        withheld["counts"] = "a shape within the graph is not known"
    return {
        "model": under_test.spec.to_json(),
        "classes": under_test.classes,
        "dtype": under_test.dtype,
        "head": under_test.head or None,
        "params": counts.params,
        "params_trainable": None,
        "weights_bytes": counts.weights_bytes,
        "macs": {"forward": counts.macs, "backward": None},
        "flops": {"forward": None, "backward": None},
        "uncounted": {"forward": dict(counts.uncounted), "backward": {}},
        "count_method": METHOD,
        "saved_activations_bytes": None,
        "filled": 0,
        "subnormals": {"weights": None, "activations": None},
        "remarks": [],
        "withheld": withheld,
    }
