"""Export of networks as graph files: what they say, that they are right, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

import zoo
from segbench.errors import MeasurementError, UsageError
from segbench.measurement import export as exporting
from segbench.measurement.assembly import judge_parity
from segbench.measurement.export import export
from segbench.measurement.instruments.export import ExportInstrument
from segbench.measurement.profile import compare, profile
from segbench.measurement.workers.protocol import Task
from segbench.results.candidate import Candidate
from segbench.results.workload import DEFAULT
from segbench.runtimes import onnx_graphs, onnxruntime
from segbench.runtimes.graph_files import read_metadata
from segbench.runtimes.inputs import normalised
from segbench.training.predict import Predictor
from segbench.training.trained import load_network
from zoo.weights import find_weights

STREETS = "segfast-streets"
SIZE = (64, 64)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Export trained weights as a graph of pixels to classes, and return the file."""
    path = tmp_path_factory.mktemp("graph") / "street, 1@2.onnx"
    export(STREETS, path, to="onnx", takes="uint8", head="argmax", size=SIZE)
    return path


def test_a_graph_of_pixels_gives_the_classes_of_the_network_in_the_bare_engine(graph):
    pixels = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3), np.uint8)
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    [found] = session.run(None, {session.get_inputs()[0].name: pixels})
    network, _ = load_network(find_weights(STREETS))
    with torch.no_grad():
        expected = network(normalised(torch.from_numpy(pixels))).argmax(1)
    assert found.dtype == np.uint8
    assert (found == expected.numpy()).mean() > 0.999


def test_a_file_says_what_it_is_of(graph):
    about = read_metadata(graph)
    assert (about.model, about.weights, about.size) == ("segfast,classes=8", STREETS, SIZE)
    assert [each.name for each in about.classes[:2]] == ["sky", "building"]
    assert (about.head, about.takes, about.outputs, about.precision) == (
        "argmax", "uint8", 8, "fp32",
    )  # fmt: skip
    assert about.mean == (0.485, 0.456, 0.406)


def test_a_picture_is_predicted_by_the_file_alone(graph):
    image = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    found = Predictor(graph).predict(image)
    eager = Predictor(STREETS)
    eager.size = SIZE
    assert (found == eager.predict(image)).mean() > 0.999


def test_openvinos_file_has_its_weights_beside_it_in_single_precision(tmp_path):
    path = tmp_path / "net.xml"
    found = export("nets_for_tests:Pointwise", path, to="openvino", size=(16, 24))
    assert found.paths == (path, tmp_path / "net.bin")
    assert found.parity.max_difference < 1e-5
    assert "f16" not in path.read_text()
    assert read_metadata(path).classes is None
    assert sorted(each.name for each in tmp_path.iterdir()) == ["net.bin", "net.xml"]


def test_a_file_is_measured_beside_the_network(graph):
    found = compare(
        [str(graph), f"{STREETS}@onnxruntime,head=argmax"],
        size=SIZE, repeats=1, training=False,
    )  # fmt: skip
    [file, network] = found.profiles
    assert (file.label, file.workload.runtime) == (str(graph), "onnxruntime")
    assert file.macs.forward == network.macs.forward
    assert file.params_trainable is None
    assert file.flops.forward is None
    assert file.latency.forward.p50_s > 0
    assert file.parity is None


def with_a_weight_changed(model, images):
    """Export a network, one weight of which is another in the file."""
    graph = onnxruntime.export(model, images)
    weight = next(each for each in graph.graph.initializer if len(each.dims) == 4)
    values = onnx.numpy_helper.to_array(weight).copy()
    values.flat[0] += 0.1 * np.abs(values).max()
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    return graph


def test_a_graph_with_a_weight_that_was_changed_is_found(tmp_path, monkeypatch):
    workload = replace(DEFAULT, height=16, width=16)
    task = Task(Candidate.parse("nets_for_tests:Pointwise@onnxruntime"), workload)
    for export_of, is_right in ((onnxruntime.export, True), (with_a_weight_changed, False)):
        monkeypatch.setattr(onnx_graphs, "export", export_of)
        reply = ExportInstrument(task).export(str(tmp_path / "graph"), "float", "{}")
        judged = judge_parity(reply["parity"], task.candidate.runtime, images="streets")
        assert judged.is_right == is_right


def test_a_graph_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    def changed(*given, **named):
        found, about = write(*given, **named)
        found["parity"]["argmax_agreement"] = 0.5
        return found, about

    write = exporting._write
    monkeypatch.setattr(exporting, "_write", changed)
    with pytest.raises(MeasurementError) as caught:
        export("nets_for_tests:Pointwise", tmp_path / "n.onnx", to="onnx", size=(16, 16))
    assert str(caught.value) == (
        "the graph of 'nets_for_tests:Pointwise@onnxruntime' computes something else: 50.00 % of "
        "the pixels have the class of eager, 0 % of the logits differ by more than 0.0001 of the "
        "largest; nothing was written"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "name", "given", "said"),
    [
        (STREETS, "a.xml", {}, "the file is called 'a.xml', and must end in .onnx"),
        (f"{STREETS}@openvino", "a.onnx", {}, ("'segfast-streets@openvino' names the runtime "
         "'openvino', and --to onnx is for 'onnxruntime'; leave one of them out")),
        (STREETS, "a.onnx", {"precision": "bf16"}, ("runtime 'onnxruntime' does not compute with "
         "bf16 (precisions: fp32)")),
        (STREETS, "a.onnx", {"head": "mask"}, ("option 'head' of runtime 'onnxruntime' must be "
         "logits or logits-nhwc or argmax or argmax-strided, got mask")),
        (STREETS, "a.onnx", {"to": "tflite"}, ("there is no format 'tflite' to export to (formats: "
         "onnx, openvino)")),
        (STREETS, "a.onnx", {"takes": "int8"}, ("a graph takes float or uint8 as its input, got "
         "'int8'")),
        ("b.onnx", "a.onnx", {}, "'b.onnx' is a graph file already; name a network or weights"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_one_line(model, name, given, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        export(model, Path(name), **{"to": "onnx", **given})
    assert str(caught.value) == said
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_not_overwritten(here):
    Path("a.onnx").write_text("mine")
    asked = ("export", "segfast", "--to", "onnx", "-o", "a.onnx", "--size", "32x32")
    assert here(*asked) == (
        2, "", "segbench: 'a.onnx' exists already; choose another name or add --force\n"
    )  # fmt: skip
    assert Path("a.onnx").read_text() == "mine"


def test_the_command_says_what_it_wrote(here):
    code, printed, _ = here(
        "export", "segfast-basic", "--to", "onnx", "-o", "a.onnx", "--size", "32x32",
        "--head", "logits-nhwc", "--classes", "5",
    )  # fmt: skip
    size = Path("a.onnx").stat().st_size / (1 << 20)
    assert code == 0
    assert printed.splitlines()[:3] == [
        f"written: a.onnx, {size:.2f} MiB" if size < 10 else f"written: a.onnx, {size:.1f} MiB",
        "takes: 1x3x32x32 of float32",
        "hands out: 1x32x32x5 of float32",
    ]


def graph_of(path, inputs, nodes, outputs, weights=()):
    made = [
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in each]
        for each in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "g", made[0], made[1], list(weights))
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


FLOATS = TensorProto.FLOAT
IMAGES = ("images", FLOATS, [1, 3, 16, 16])


def relu(name="images"):
    return [helper.make_node("Relu", [name], ["logits"])]


def test_a_graph_of_any_size_is_measured_at_the_size_asked_for(tmp_path):
    free = ("images", FLOATS, ["n", 3, "h", "w"])
    path = graph_of(tmp_path / "f.onnx", [free], relu(), [("logits", FLOATS, ["n", 3, "h", "w"])])
    for runtime in ("onnxruntime", "openvino"):
        found = profile(f"{path}@{runtime}", size=(16, 24), repeats=1, training=False)
        assert (found.workload.classes, found.workload.width) == (3, 24)


def test_a_graph_of_channels_last_is_fed_so(tmp_path):
    last = ("images", FLOATS, [1, 16, 24, 3])
    turn = helper.make_node("Transpose", ["images"], ["logits"], perm=[0, 3, 1, 2])
    path = graph_of(tmp_path / "l.onnx", [last], [turn], [("logits", FLOATS, [1, 3, 16, 24])])
    assert profile(str(path), size=(16, 24), repeats=1, training=False).workload.classes == 3


def write_damaged(folder):
    path = graph_of(folder / "g.onnx", [IMAGES], relu(), [("logits", FLOATS, [1, 3, 16, 16])])
    path.write_bytes(path.read_bytes()[:-40])
    return path


def write_two_inputs(folder):
    add = helper.make_node("Add", ["images", "more"], ["logits"])
    inputs = [IMAGES, ("more", FLOATS, [1, 3, 16, 16])]
    return graph_of(folder / "g.onnx", inputs, [add], [("logits", FLOATS, [1, 3, 16, 16])])


def write_other_size(folder):
    other = ("images", FLOATS, [2, 3, 8, 16])
    return graph_of(folder / "g.onnx", [other], relu(), [("logits", FLOATS, [2, 3, 8, 16])])


def write_no_map(folder):
    mean = helper.make_node("ReduceMean", ["images"], ["logits"], keepdims=0)
    return graph_of(folder / "g.onnx", [IMAGES], [mean], [("logits", FLOATS, [])])


def write_classes(folder):
    most = helper.make_node("ArgMax", ["images"], ["ids"], axis=1, keepdims=0)
    return graph_of(folder / "g.onnx", [IMAGES], [most], [("ids", TensorProto.INT64, [1, 16, 16])])


def write_external(folder):
    scale = helper.make_tensor(
        "s", FLOATS, [3, 16, 16], np.ones(768, np.float32).tobytes(), raw=True
    )
    product = helper.make_node("Mul", ["images", "s"], ["logits"])
    path = graph_of(
        folder / "g.onnx", [IMAGES], [product], [("logits", FLOATS, [1, 3, 16, 16])], [scale]
    )
    onnx.save(
        onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    (folder / "weights.bin").unlink()
    return path


@pytest.mark.parametrize(
    ("write", "begins", "ends"),
    [
        (write_damaged, "cannot read the graph file {path}: it is damaged, or none (", ")"),
        (write_two_inputs, "graph file {path} has 2 inputs ('images', 'more')",
         "; segbench measures those of one, the images"),
        (write_other_size, ("graph file {path} takes an input of 2x3x8x16, and was given images of "
         "1x3x16x16; measure it with --batch 2 --size 8x16"), ""),
        (write_no_map, "graph file {path} hands out ",
         "; segbench measures graphs of one map: logits, or the classes of pixels"),
        (write_classes, ("graph file {path} hands out classes, and does not say how many there "
         "are; give --classes"), ""),
        (write_external, "cannot read the graph file {path}: it is damaged, or none (", ")"),
    ],
)  # fmt: skip
def test_a_graph_that_cannot_be_measured_is_one_line(write, begins, ends, tmp_path):
    path = write(tmp_path)
    with pytest.raises(UsageError) as caught:
        profile(str(path), size=(16, 16), repeats=1, training=False)
    said = str(caught.value)
    assert said.startswith(begins.format(path=repr(str(path))))
    assert said.endswith(ends)
    assert "\n" not in said


def test_metadata_that_is_damaged_is_one_line(tmp_path):
    path = graph_of(tmp_path / "g.onnx", [IMAGES], relu(), [("logits", FLOATS, [1, 3, 16, 16])])
    model = onnx.load(path)
    helper.set_model_props(model, {"segbench": json.dumps({"schema": "segbench/graph/1"})})
    onnx.save(model, path)
    with pytest.raises(UsageError) as caught:
        read_metadata(path)
    assert str(caught.value) == (
        f"the graph file {str(path)!r} is damaged at model: field required (12 such places)"
    )


def test_every_network_of_the_zoo_has_a_name_that_is_no_graph_file():
    assert "graph-file" not in zoo.models()


def test_the_picture_of_a_scene_is_of_no_use_to_a_graph_without_classes(tmp_path):
    path = tmp_path / "n.onnx"
    export("nets_for_tests:Pointwise", path, to="onnx", size=(16, 16))
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    with pytest.raises(UsageError) as caught:
        Predictor(path)
    assert str(caught.value) == (
        f"graph file {str(path)!r} does not say what its classes are; give one that segbench "
        "export made of trained weights"
    )
