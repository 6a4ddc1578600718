"""The networks of the zoo lowered, and the option that says what a runtime is given."""

import pytest
import torch
from tasks import make_task
from torch import nn

import zoo
from segbench.errors import UsageError
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.instruments.peak_memory import MemoryInstrument
from segbench.results.candidate import RuntimeSpec
from segbench.runtimes import REWRITINGS, RUNTIMES, check_runtime
from segbench.runtimes.inputs import make_noise
from segbench.runtimes.lowering import lower
from segbench.runtimes.norm_statistics import fill_statistics

UPS = "separable up-convolution{} as 1x1 convolution and pixel shuffle"
MAPS = "11 batch norms folded with maps of their shifts"


@pytest.mark.parametrize(
    ("name", "applied"),
    [
        ("segfast", (f"4 {UPS.format('s')}", "30 batch norms folded", MAPS)),
        (
            "segfast-basic",
            (
                f"1 {UPS.format('')}",
                "3 dense up-convolutions as 1x1 convolution and pixel shuffle",
                "8 batch norms folded",
                MAPS,
            ),
        ),
        ("segfast,up_conv=standard,classes=5", None),
        ("segfast,branch_conv=standard,decoder_conv=standard", None),
        ("segnet", ("25 batch norms folded",)),
        ("segnet-basic", ("8 batch norms folded",)),
        ("fcn8s", ()),
    ],
)
def test_networks_of_the_zoo_are_lowered_and_equal(name, applied):
    torch.manual_seed(0)
    network = zoo.build(name).eval()
    fill_statistics(network, seed=0)
    images = make_noise((2, 3, 45, 61), seed=1)
    lowered, found = lower(network, images)
    with torch.no_grad():
        expected = network(images)
        assert (lowered(images) - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in lowered.modules())
    assert applied in {None, found.applied}


GIVEN = [
    (runtime, option)
    for runtime in RUNTIMES
    for option in ("", ",lower=true", ",lower=false")
    if runtime != "compile" or option == ",lower=true"  # for compiling takes a minute
]


@pytest.mark.parametrize(("runtime", "lower_option"), GIVEN)
def test_a_runtime_is_given_what_its_row_or_the_option_says(runtime, lower_option):
    for package in RUNTIMES[runtime].packages:
        pytest.importorskip(package)
    tested = ModelUnderTest(
        make_task("segfast", runtime=runtime + lower_option, height=32, width=40, classes=5)
    )
    expected = tested.check_module()
    tested.prepare()
    tested.infer()
    difference = (tested.hand_out(tested.images) - expected).abs().max()
    assert difference < 1e-4 * expected.abs().max()
    asked = {"": tuple(RUNTIMES[runtime].lowers), ",lower=true": REWRITINGS, ",lower=false": ()}
    assert (tested.lowering is None) is (asked[lower_option] == ())
    if lower_option == ",lower=true":
        assert tested.lowering.applied == (f"4 {UPS.format('s')}", "30 batch norms folded", MAPS)


TRIAL13_LIKE = {"decoder_width": (64, 48), "up_conv": "standard"}
OVERLAPPING = "1 overlapping up-convolution as 1x1 and depthwise convolution and pixel shuffle"
FIRST = "argmax as two maxima, before the last pixel shuffle"


@pytest.mark.parametrize(
    ("options", "runtime", "applied"),
    [
        ({}, "openvino", (f"4 {UPS.format('s')}", FIRST)),
        ({}, "openvino:bf16", (f"4 {UPS.format('s')}", FIRST)),
        (TRIAL13_LIKE, "openvino", ("argmax as two maxima",)),
        (TRIAL13_LIKE, "openvino:bf16", (OVERLAPPING, FIRST)),
    ],
)
@pytest.mark.parametrize("head", ["argmax", "argmax-strided"])
def test_classes_are_found_as_the_runtime_does_it_fastest(options, runtime, applied, head):
    pytest.importorskip("openvino")
    if head == "argmax-strided" and "overlapping" in applied[0]:
        applied = ("argmax as two maxima",)  # by maps at the full size, in any other precision too
    task = make_task(
        "segfast", options, runtime=f"{runtime},head={head}", height=45, width=61, classes=5
    )
    tested = ModelUnderTest(task)
    logits = tested.check_module()
    if head == "argmax-strided":
        logits = tested.strided(tested.images)
    tested.prepare()
    tested.infer()
    found = tested.hand_out(tested.images)
    assert tested.lowering.applied == applied
    assert found.dtype == torch.uint8
    same = (found == logits.argmax(1)).double().mean()
    assert same >= (0.97 if "bf16" in runtime else 0.999)


def test_what_was_lowered_is_told_with_what_was_prepared():
    task = make_task("segnet-basic", runtime="eager,lower=true", height=32, width=32)
    found = MemoryInstrument(task).measure(training=False)
    assert found["lowering"] == {"applied": ["8 batch norms folded"], "left": []}
    task = make_task("segnet-basic", height=32, width=32)
    assert MemoryInstrument(task).measure(training=False)["lowering"] is None


def test_lowering_is_on_or_off():
    with pytest.raises(UsageError) as caught:
        check_runtime(RuntimeSpec.parse("eager,lower=some"))
    assert str(caught.value) == (
        "option 'lower' of runtime 'eager' must be true or false, got some"
    )
