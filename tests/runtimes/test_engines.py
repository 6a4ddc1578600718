"""Engines beside eager: heads, stored conversions, parity, and failures that cost one row."""

import os
import tempfile
from dataclasses import replace

import psutil
import pytest
import torch
from tasks import make_task
from torch import nn

import segbench
from segbench.errors import MeasurementError, UsageError
from segbench.measurement.assembly import judge_parity
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.instruments.parity import ParityInstrument, with_moved
from segbench.results.candidate import HEADS, RuntimeSpec
from segbench.runtimes import RUNTIMES, Runtime, check_runtime, prepare
from segbench.runtimes.choices import choose_runtimes
from segbench.runtimes.compilers import find_compiler
from segbench.runtimes.heads import check_form, in_form
from segbench.runtimes.norm_statistics import fill_statistics

SIDE = 32
ENGINES = [name for name, row in RUNTIMES.items() if not row.runs_modules]


@pytest.fixture(params=[*ENGINES, "eager"])
def engine(request):
    for package in RUNTIMES[request.param].packages:
        pytest.importorskip(package)
    if RUNTIMES[request.param].compiles and find_compiler() is None:
        pytest.skip("it needs a C++ compiler")
    return request.param


def task(name, engine, **options):
    text = ",".join([engine, *(f"{key}={value}" for key, value in options.items())])
    return make_task(name, runtime=text, height=SIDE, width=SIDE + 8, batch=2, classes=5)


@pytest.mark.parametrize("head", HEADS)
def test_a_head_hands_logits_out_in_its_form(engine, head):
    tested = ModelUnderTest(task("segfast", engine, head=head))
    logits = tested.check_module().float()
    tested.prepare()
    tested.infer()
    found = tested.hand_out(tested.images)
    expected = in_form(logits, head)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    if head.startswith("argmax"):
        assert (found == expected).float().mean() > 0.999
    else:
        assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("name", ["segnet-basic", "segfast"])
def test_what_is_stored_is_taken_by_the_next_process_and_hands_out_the_same(
    engine, name, tmp_path, monkeypatch
):
    if RUNTIMES[engine].runs_modules:
        pytest.skip("it converts nothing")
    stored = replace(task(name, engine), store=str(tmp_path / "candidate"))
    handed_out = []
    for _ in range(2):
        tested = ModelUnderTest(stored)
        tested.check_module()
        tested.prepare()
        handed_out.append(tested.hand_out(tested.images))
        for module in (torch.onnx, torch.export):
            monkeypatch.setattr(module, "export", None)  # nothing is converted again
    assert torch.equal(*handed_out)
    assert all(path.name.startswith("candidate.") for path in tmp_path.iterdir())


def test_parity_is_kept_by_what_is_right_and_not_by_weights_that_moved(engine):
    found = ParityInstrument(task("segfast", engine)).measure()
    assert found["images"] == "streets"
    assert (found["beyond"], found["dtype"]) == (0.0, "float32")
    assert found["argmax_agreement"] > 0.999
    changed = ParityInstrument(task("segfast", engine))
    check_module = changed._under_test.check_module

    def check_and_move():
        logits = check_module()
        expected = changed._under_test.logits_of

        def logits_of(images):
            return expected(images) * 1.01

        changed._under_test.logits_of = logits_of
        return logits

    changed._under_test.check_module = check_and_move
    assert changed.measure()["beyond"] > 0.1


def test_moved_images_are_looked_at_where_a_runtime_is_far_from_eager():
    tested = ModelUnderTest(task("segfast", "onnxruntime"))
    tested.check_module()
    images = [tested.images]
    expected = [tested.logits_of(each) for each in images]
    near = {"beyond": 0.0, "argmax_agreement": 1.0}
    far = {"beyond": 0.02, "argmax_agreement": 0.998}
    assert with_moved(near, tested, images, expected) is near
    assert with_moved(far, tested, images, expected)["moved"] == [0.0, 1.0]


class Amplifying(nn.Module):
    """Multiplies differences that come of rounding by a million."""

    def __init__(self):
        super().__init__()
        self.logits = nn.Conv2d(3, 5, 1)

    def forward(self, images):
        return torch.sin(1e6 * self.logits(images))


def test_a_network_that_amplifies_moves_more_than_may_be():
    tested = ModelUnderTest(task("segfast", "onnxruntime"))
    tested.check_module()
    tested.network = Amplifying()
    images = [tested.images]
    expected = [tested.logits_of(each) for each in images]
    far = {"beyond": 0.02, "argmax_agreement": 0.998}
    beyond, agreement = with_moved(far, tested, images, expected)["moved"]
    assert beyond > 0.9
    assert agreement < 0.9


@pytest.mark.parametrize(
    ("own", "is_right"),
    [
        ([0.0, 1.0], False),
        ([0.011, 0.9993], True),  # a half of 2 % and of 0.13 % are less
        ([0.009, 0.9993], False),
        ([0.011, 0.9994], False),
    ],
)
def test_a_runtime_may_be_twice_as_far_as_eager_is_for_moved_images(own, is_right):
    reply = {
        "max_difference": 0.1,
        "mean_difference": 1e-4,
        "beyond": 0.02,
        "argmax_agreement": 0.9987,
        "moved": own,
    }
    found = judge_parity(reply, RuntimeSpec("onnxruntime"), images="streets")
    assert found.is_right is is_right
    assert (found.moved_beyond, found.moved_agreement) == tuple(own)
    assert found.describe() == (
        "99.87 % of the pixels have the class of eager, 2 % of the logits differ by more than "
        "0.0001 of the largest, eager itself, where images move by a millionth, "
        f"{100 * own[1]:.2f} % and {100 * own[0]:.2g} %"
    )


def test_batch_norms_as_they_are_built_get_statistics_and_others_keep_theirs():
    fresh, trained = torch.nn.BatchNorm2d(8), torch.nn.BatchNorm2d(8)
    trained.running_mean.fill_(3.0)
    network = torch.nn.Sequential(fresh, trained, torch.nn.Conv2d(8, 2, 1))
    assert fill_statistics(network, seed=0) == 1
    assert trained.running_mean.tolist() == [3.0] * 8
    assert len(set(fresh.running_mean.tolist())) == 8
    assert bool((fresh.running_var > 0).all())


def test_runtimes_are_chosen_from_lists():
    found = choose_runtimes("eager,layout=nhwc,eager:bf16", "fp32", "logits,argmax")
    assert list(map(str, found)) == [
        "eager,layout=nhwc",
        "eager,head=argmax,layout=nhwc",
        "eager:bf16",
        "eager:bf16,head=argmax",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("onnxruntime:bf16", "runtime 'onnxruntime' does not compute with bf16 (precisions: fp32)"),
        ("eager,layout=nhcw", "option 'layout' of runtime 'eager' must be nchw or nhwc, got nhcw"),
        (
            "eager,head=softmax",
            "option 'head' of runtime 'eager' must be logits or logits-nhwc or argmax or "  # noqa: ISC004
            "argmax-strided, got softmax",
        ),
    ],
)
def test_what_a_runtime_has_not_is_refused(text, said):
    if "onnx" in text:
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    with pytest.raises(UsageError) as caught:
        check_runtime(RuntimeSpec.parse(text))
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("engine", "operator"), [("openvino", "aten::special_i1"), ("onnxruntime", "prims.bessel_i1")]
)
def test_an_operator_that_an_engine_lacks_is_named(engine, operator):
    for package in RUNTIMES[engine].packages:
        pytest.importorskip(package)
    tested = ModelUnderTest(task("nets_for_tests:Bessel", engine))
    tested.find_logits()
    with pytest.raises(UsageError) as caught:
        tested.prepare()
    assert str(caught.value) == (
        f"runtime {engine!r} has no operator {operator}; measure the network in another"
    )


def test_a_runtime_that_is_not_installed_is_refused_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(RUNTIMES, "rare", Runtime("x:y", packages=("not_here",), extra="rare"))
    with pytest.raises(UsageError) as caught:
        check_runtime(RuntimeSpec("rare"))
    assert str(caught.value) == (
        "runtime 'rare' needs not_here, which is not installed here; install it with: "
        "pip install 'segbench[rare]'"
    )


def test_precision_in_eager_is_that_of_weights_and_input():
    model = torch.nn.Conv2d(3, 5, 1)
    images = torch.rand(1, 3, 8, 8)
    session = prepare(model, images, RuntimeSpec("eager", "bf16"))
    assert session.dtype == "bfloat16"
    assert session.run(session.feed(images)).dtype == torch.bfloat16


@pytest.mark.measures
def test_a_candidate_that_fails_costs_its_own_row(engine):
    if engine == "eager":
        pytest.skip("it is what others are beside")
    failing = "nets_for_tests:RaisesInForward"
    with pytest.raises(MeasurementError):
        segbench.compare([f"{failing}@{engine}"], size=(SIDE, SIDE), repeats=1)
    found = segbench.compare(
        ["segfast", f"segfast@{engine}", f"{failing}@{engine}"],
        size=(SIDE, SIDE),
        repeats=1,
        training=False,
    )
    assert [profile.label for profile in found.profiles] == ["segfast", f"segfast@{engine}"]
    assert [each.model for each in found.failures] == [f"{failing}@{engine}"]
    assert "the bridge is out" in found.failures[0].reason
    assert found.profiles[1].parity.is_right
    is_package = bool(RUNTIMES[engine].packages)  # compile is torch's own
    assert (found.profiles[1].workload.runtime_version is not None) == is_package


def test_a_byte_tells_256_classes_apart_and_no_more():
    check_form("argmax", 256)
    check_form("logits-nhwc", 257)
    runtime = "eager,head=argmax"
    many = make_task("nets_for_tests:Pointwise", {"classes": 257}, runtime=runtime, height=8)
    with pytest.raises(UsageError) as caught:
        ModelUnderTest(many).check_module()
    assert str(caught.value) == (
        "head 'argmax' hands out classes as bytes, which tell 256 apart, and the network has 257; "
        "take its logits with head=logits"
    )


def test_where_there_is_no_compiler_one_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UsageError) as caught:
        prepare(torch.nn.Conv2d(3, 5, 1), torch.rand(1, 3, 8, 8), RuntimeSpec("compile"))
    assert str(caught.value) == (
        "runtime 'compile' needs a C++ compiler, and neither g++ nor clang++ is found here; "
        "install one (on Debian or Ubuntu: apt install g++), or name it in CXX"
    )


class Deciding(torch.nn.Module):
    """Looks at a value before it decides what to do."""

    def forward(self, images):
        return images * 2 if images.sum() > 0 else images


@pytest.mark.skipif(find_compiler() is None, reason="it needs a C++ compiler")
def test_what_cannot_be_compiled_is_told_in_one_line_and_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(MeasurementError) as caught:
        prepare(Deciding(), torch.rand(1, 3, 8, 8), RuntimeSpec("compile"))
    said = str(caught.value)
    assert said.startswith("runtime 'compile' cannot compile this network: GuardOnDataDependent")
    assert "\n" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(find_compiler() is None, reason="it needs a C++ compiler")
def test_a_library_is_stored_alone_and_no_process_is_left(monkeypatch, tmp_path):
    places = tmp_path / "temporary", tmp_path / "stored"
    for place in places:
        place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)  # nobody has asked for it yet
    monkeypatch.setenv("TMPDIR", str(places[0]))
    model, images = torch.nn.Conv2d(3, 5, 1), torch.rand(1, 3, 8, 8)
    others = psutil.Process().children()  # of tests before
    cache = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    for name in ("one", "other"):
        prepare(model, images, RuntimeSpec("compile"), places[1] / name)
    assert list(places[0].iterdir()) == []
    assert {path.name for path in places[1].iterdir()} == {"one.compiled", "other.compiled"}
    assert set(psutil.Process().children()) <= set(others)
    assert os.environ.get("TORCHINDUCTOR_CACHE_DIR") == cache
