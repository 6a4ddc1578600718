"""Tables of layers from the profiles of engines, with MACs that are counted by hand."""

import tempfile
from collections import Counter

import pytest
from nets_with_products import macs_of_products
from tasks import make_task

from segbench.measurement.instruments.engine_layers import about_layers
from segbench.measurement.instruments.layer_times import LayersInstrument
from segbench.runtimes import RUNTIMES
from zoo.allowed import allow_import

ENGINES = [name for name, row in RUNTIMES.items() if row.layers]
BATCH, HEIGHT, WIDTH, CLASSES = 2, 16, 24, 5
SEGFAST_MACS = 769_141_632  # at 224x224 and 22 classes, as the registry has it


@pytest.fixture(autouse=True)
def _own_networks():
    for name in ("nets_with_products", "nets_for_inference"):
        allow_import(name)


@pytest.fixture(params=ENGINES)
def engine(request):
    for package in RUNTIMES[request.param].packages:
        pytest.importorskip(package)
    return request.param


def measure(name, runtime, **workload):
    size = {"batch": BATCH, "height": HEIGHT, "width": WIDTH, "classes": CLASSES}
    return LayersInstrument(make_task(name, runtime=runtime, **{**size, **workload})).measure()


def test_macs_of_every_kind_of_product_are_those_of_a_hand_calculation(
    engine, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = measure("nets_with_products:Products", f"{engine},head=argmax")
    macs = Counter()
    for row in found["layers"]:
        macs["" if "MatMul" in row["name"] else row["name"]] += row["macs"]
    places = HEIGHT * WIDTH // 4
    assert {name: count for name, count in macs.items() if count} == macs_of_products(
        BATCH, places, CLASSES
    )
    heads = [row for row in found["layers"] if row["name"].startswith("(head)/")]
    assert any(row["output_shape"][-2:] == (HEIGHT, WIDTH) for row in heads)
    assert not any("add up to" in remark for remark in found["remarks"])
    left = {path.name for path in tmp_path.iterdir()} - {"torchinductor_root"}  # of torch itself
    assert not any(name.startswith(("segbench", "profile", "onnx")) for name in left)


def test_layers_of_segfast_are_its_modules_and_have_all_of_its_macs(engine):
    size = {"batch": 1, "height": 224, "width": 224, "classes": 22}
    found = measure("segfast", f"{engine},lower=false", **size)
    rows = found["layers"]
    named = {row["name"]: row["macs"] for row in rows}
    assert sum(row["macs"] for row in rows) == SEGFAST_MACS
    assert not any("add up to" in remark for remark in found["remarks"])
    # The transposed convolution doubles 128 channels of 56 x 56, each with weights of its own.
    assert named["up1.up.1"] == 128 * 56 * 56 * 4
    assert named["stem.0"] == 64 * 3 * 9 * 112 * 112
    assert named["up1/Concat"] == 0
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    assert rows == sorted(rows, key=lambda row: row["time_s"], reverse=True)
    assert rows[0]["time_s"] > 0 <= rows[-1]["time_s"]
    assert {row["flops"] for row in rows if not row["macs"]} <= {0, None}
    assert all(row["flops"] == 2 * row["macs"] for row in rows if row["macs"])


def test_layers_of_a_lowered_network_are_those_that_it_was_rewritten_into():
    pytest.importorskip("openvino")
    found = measure("segfast", "openvino", batch=1, height=64, width=64, classes=22)
    macs = {row["name"]: row["macs"] for row in found["layers"]}
    # Batch norm, transposed 2x2 of 128 channels and 1x1 to 64, as one 1x1 to 4 x 64 of 16 x 16.
    assert macs["up1.up.1.0"] == 16 * 16 * 128 * 4 * 64
    assert not any("add up to" in remark for remark in found["remarks"])


def test_bf16_names_its_kernels_and_what_computed_with_another_precision():
    properties = pytest.importorskip("openvino")
    if "BF16" not in properties.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bf16")
    found = measure("segfast", "openvino:bf16,head=argmax")
    products = {row["name"]: row for row in found["layers"] if row["macs"]}
    assert products["stem.0"]["exec_type"].endswith("bf16")
    assert products["stem.0"]["dtype"] == found["roof"]["dtype"] == "bfloat16"
    others = {row["name"] for row in found["layers"] if row["dtype"] == "float32" and row["flops"]}
    assert all(products[name]["roof_share"] is None for name in others)
    assert any(
        "computed with float32 where bfloat16 was asked for" in it for it in found["remarks"]
    )


def test_a_reference_implementation_is_marked():
    pytest.importorskip("openvino")
    found = measure("nets_for_inference:Summing", "openvino")
    marked = [row for row in found["layers"] if row["exec_type"].startswith("ref")]
    assert [row["name"] for row in marked] == ["CumSum"]
    number, share = len(found["layers"]), 100 * marked[0]["share"]
    said = f"1 of {number} layers ran in a reference implementation, with {share:.1f} % of their"
    assert found["remarks"] == [f"{said} time: CumSum"]


def test_whole_numbers_and_moved_values_are_no_other_precision():
    rows = [
        {"kind": "Gather", "exec_type": "jit_i32", "dtype": "int32", "flops": None, "share": 0.5},
        {"kind": "Reorder", "exec_type": "jit_f32", "dtype": "float32", "flops": 0, "share": 0.5},
    ]
    assert about_layers(rows, "bfloat16") == []


def test_modules_in_bfloat16_are_counted_and_held_against_products_in_bfloat16():
    found = measure("segfast", "eager:bf16")
    macs = {row["name"]: row["macs"] for row in found["layers"]}
    assert macs["stem.0"] == BATCH * 64 * 3 * 9 * (HEIGHT // 2) * (WIDTH // 2)
    assert found["roof"]["dtype"] == "bfloat16"
    assert found["remarks"] == []
