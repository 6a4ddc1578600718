"""Counts of graph files, by hand."""

import pytest
import torch
from torch import nn

from segbench.results.candidate import RuntimeSpec
from segbench.runtimes import graphs_of

ENGINES = ("onnxruntime", "openvino")


class Product(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 5))

    def forward(self, images):
        return images.permute(0, 2, 3, 1) @ self.weight


# A layer on 6 channels of 10x12, with the multiply-accumulates of one image.
LAYERS = {
    "dense": (nn.Conv2d(6, 8, 3, padding=1), 10 * 12 * 8 * 6 * 9, 8 * 6 * 9 + 8),
    "strided": (nn.Conv2d(6, 8, 3, stride=2, bias=False), 4 * 5 * 8 * 6 * 9, 8 * 6 * 9),
    "grouped": (nn.Conv2d(6, 4, 1, groups=2, bias=False), 10 * 12 * 4 * 3, 4 * 3),
    "depthwise": (nn.Conv2d(6, 6, 3, groups=6, bias=False), 8 * 10 * 6 * 9, 6 * 9),
    "dilated": (nn.Conv2d(6, 2, 3, dilation=2, bias=False), 6 * 8 * 2 * 6 * 9, 2 * 6 * 9),
    "transposed": (
        nn.ConvTranspose2d(6, 4, 2, stride=2, bias=False), 10 * 12 * 6 * 4 * 4, 6 * 4 * 4
    ),
    "depthwise transposed": (
        nn.ConvTranspose2d(6, 6, 3, stride=2, groups=6, bias=False), 10 * 12 * 6 * 9, 6 * 9
    ),
    "product": (Product(), 10 * 12 * 5 * 6, 6 * 5),
    "pooling": (nn.AvgPool2d(2), 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("batch", [1, 2])
def test_multiply_accumulates_and_weights_are_those_of_a_hand_calculation(
    engine, name, batch, tmp_path
):
    layer, macs, weights = LAYERS[name]
    graphs = graphs_of(engine)
    path = tmp_path / f"layer{graphs.SUFFIX}"
    graphs.write(layer.eval(), torch.zeros(batch, 6, 10, 12), path, about="{}")
    found = graphs.count(path, (batch, 6, 10, 12))
    assert (found.macs, found.params) == (batch * macs, weights)
    assert found.weights_bytes == 4 * weights
    assert found.uncounted == {}


def test_what_has_no_rule_is_listed_and_a_length_that_is_not_known_leaves_no_count(tmp_path):
    from onnx import TensorProto, helper, save

    length = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", "columns"])
    nodes = [
        helper.make_node("Einsum", ["x", "x"], ["y"], equation="ij,kj->ik"),
        helper.make_node("NonZero", ["y"], ["at"]),  # of a length that the values decide
        helper.make_node("Cast", ["at"], ["z"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["z", "w"], ["out"]),
    ]
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4, 3], [1.0] * 12)
    graph = helper.make_graph(nodes, "g", [length], [output], [weight])
    save(helper.make_model(graph), tmp_path / "g.onnx")
    found = graphs_of("onnxruntime").count(tmp_path / "g.onnx", (2, 2))
    assert found.macs is None
    assert found.uncounted == {"Einsum": 1}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_that_was_written_computes_the_same(engine, tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()).eval()
    images = torch.randn(1, 3, 9, 7)
    graphs = graphs_of(engine)
    path = tmp_path / f"n{graphs.SUFFIX}"
    graphs.write(network, images, path, about="{}")
    session = graphs.read(path, RuntimeSpec(engine), None)
    [port] = session.inputs
    assert (port.shape, port.dtype) == ((1, 3, 9, 7), "float32")
    found = session.output(session.run(session.feed(images)))
    torch.testing.assert_close(found, network(images), rtol=1e-5, atol=1e-6)
