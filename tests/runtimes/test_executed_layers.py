"""Tracing of what an engine executed back to the operations that it was given."""

from segbench.runtimes.executed_layers import Node, Operation, trace


def node(name, kind="Conv", operations=(), sources=(), time_s=1e-3):
    return Node(name, kind, operations, sources, time_s, (1, 8, 4, 4), 512, 1024)


def found_in(nodes, graph):
    return {
        layer.node.name: (layer.module, layer.is_added, layer.macs) for layer in trace(nodes, graph)
    }


GRAPH = {
    "conv": Operation("block.0", ("images",), 900),
    "norm": Operation("block.1", ("conv",)),
    "relu": Operation("block.2", ("norm",)),
    "cat": Operation("", ("relu", "images")),
}


def test_operations_without_an_owner_belong_to_the_layer_that_takes_their_result():
    nodes = [node("fused", operations=("relu",)), node("joined", "Concat", ("cat",))]
    assert found_in(nodes, GRAPH) == {"fused": ("block.0", False, 900), "joined": ("", False, 0)}


def test_an_operation_with_two_owners_is_counted_once():
    nodes = [node("first", operations=("conv",)), node("second", operations=("conv", "relu"))]
    assert found_in(nodes, GRAPH) == {
        "first": ("block.0", False, 900),
        "second": ("block.2", False, 0),
    }


def test_a_layer_of_no_operation_is_added_after_the_module_whose_result_it_takes():
    nodes = [
        node("conv", operations=("conv", "norm", "relu")),
        node("in place", "Reshape", sources=("conv",), time_s=None),
        node("laid out", "Reorder", sources=("in place",)),
        node("strange", "Oracle", sources=("images",)),
    ]
    assert found_in(nodes, GRAPH) == {
        "conv": ("block.0", False, 900),
        "laid out": ("block.0", True, 0),
        "strange": (None, True, None),
    }


def test_macs_of_a_layer_with_an_operation_that_has_no_rule_are_not_known():
    graph = {**GRAPH, "lstm": Operation("memory", ("relu",), None)}
    nodes = [node("all", operations=("conv", "norm", "relu", "lstm"))]
    assert found_in(nodes, graph) == {"all": ("memory", False, None)}
