"""int8 in OpenVINO: what is quantised, read back, marked, and refused."""

from dataclasses import replace

import openvino as ov
import pytest
import torch
from torch import nn

import segbench
from segbench import runtimes
from segbench.errors import NotInstalledError, UsageError
from segbench.measurement.export import export
from segbench.results.candidate import SCENES, RuntimeSpec
from segbench.results.report.contents import remarks_on
from segbench.results.store import load, save
from segbench.runtimes import check_runtime, precisions_here
from segbench.runtimes.choices import choose_runtimes
from segbench.runtimes.openvino import graph_of, prepare, start

pytest.importorskip("nncf")

INT8 = RuntimeSpec("openvino", "int8")
FP32 = RuntimeSpec("openvino")
SHAPE = (1, 3, 24, 32)
NET = "nets_for_tests:Pointwise"


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 5, 1))


def images(seed=0):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def quantised():
    return graph_of(network(), images(), INT8)


def test_convolutions_compute_with_int8_and_come_near_to_those_in_single_precision():
    session = prepare(network(), images(), INT8, None)
    assert session.dtype == "int8"
    with torch.no_grad():
        expected = network()(images(1))
    found = session.output(session.run(session.feed(images(1))))
    share = (found - expected).abs() / expected.abs().max()
    assert 0 < share.mean() < 0.02  # steps of 1/255 of the range
    assert share.max() < 0.2


def test_ranges_are_seen_on_as_many_scenes_as_are_named(monkeypatch):
    from segbench.runtimes import openvino_int8

    seen = []

    def count(graph, batches):
        seen.extend(batches)
        return graph

    monkeypatch.setattr(openvino_int8, "quantise", count)
    for batch in (1, 3):
        seen.clear()
        graph_of(network(), torch.zeros(batch, *SHAPE[1:]), INT8)
        assert {each.shape for each in seen} == {(batch, *SHAPE[1:])}
        assert SCENES <= sum(len(each) for each in seen) < SCENES + batch
        assert not torch.equal(seen[0], seen[1])


def test_a_network_of_other_channels_is_calibrated_with_noise():
    model = nn.Conv2d(4, 5, 3)
    session = prepare(model, torch.randn(1, 4, 24, 32), INT8, None)
    assert session.dtype == "int8"


def test_what_was_quantised_is_stored_and_not_quantised_again(tmp_path, monkeypatch):
    store = tmp_path / "candidate"
    first = prepare(network(), images(), INT8, store)
    monkeypatch.setattr("segbench.runtimes.openvino.convert", None)
    again = prepare(network(), images(), INT8, store)
    found = [each.output(each.run(each.feed(images(2)))) for each in (first, again)]
    assert torch.equal(*found)
    assert again.dtype == "int8"


def test_what_computes_with_another_precision_than_was_asked_for_is_refused(quantised):
    with pytest.raises(UsageError, match="was asked for fp32 and computes with int8"):
        start(quantised, FP32)
    with pytest.raises(UsageError, match="was asked for int8 and computes with float32"):
        start(graph_of(network(), images(), FP32), INT8)


def test_a_quantised_file_is_measured_where_int8_is_asked_for(quantised, tmp_path):
    path = tmp_path / "net.xml"
    ov.save_model(quantised, path, compress_to_fp16=False)
    found = segbench.profile(
        f"{path}@openvino:int8", size=SHAPE[2:], threads=1, repeats=1, training=False
    )
    assert found.workload.dtype == "int8"
    assert found.calibration is None  # nobody knows what it was calibrated on


def test_its_latency_counts_and_its_accuracy_is_not_judged(tmp_path):
    found = segbench.compare(
        [f"{NET}@openvino", f"{NET}@openvino:int8"],
        size=SHAPE[2:], threads=1, repeats=1, training=False,
    )  # fmt: skip
    save(found, tmp_path / "a.json")
    [single, small] = load(tmp_path / "a.json").profiles
    assert (single.calibration, small.calibration) == (None, "64 drawn street scenes")
    assert small.workload.dtype == "int8"
    assert small.parity is None
    assert single.parity is not None
    assert small.latency.forward.p50_s > 0
    assert remarks_on(small)[0] == (
        f"{NET}@openvino:int8: calibrated on 64 drawn street scenes: its latency counts, and its "
        "accuracy is not judged"
    )


def test_it_is_not_exported(tmp_path):
    with pytest.raises(UsageError, match="export it in single precision"):
        export(f"{NET}@openvino:int8", tmp_path / "net.xml", to="openvino", size=SHAPE[2:])
    assert list(tmp_path.iterdir()) == []


def test_without_its_package_it_is_one_line_and_not_among_all(monkeypatch):
    row = replace(runtimes.RUNTIMES["openvino"], further={"int8": ("nncf_that_is_not_here",)})
    monkeypatch.setitem(runtimes.RUNTIMES, "openvino", row)
    with pytest.raises(NotInstalledError) as caught:
        check_runtime(INT8)
    assert str(caught.value) == (
        "runtime 'openvino' needs nncf_that_is_not_here for int8, which is not installed here; "
        "install it with: pip install 'segbench[int8]'"
    )
    assert precisions_here(row) == ("fp32", "bf16")
    found = [str(each) for each in choose_runtimes("openvino", "all")]
    assert found == ["openvino", "openvino:bf16"]
