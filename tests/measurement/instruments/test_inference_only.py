"""Networks that only want inference, or are unlike most, get the figures that can be had."""

import json
import math

import pytest
import torch
from commands import segbench_here
from processes_for_tests import SUPPORT
from tasks import make_task

from segbench.measurement.instruments.inspection import InspectionInstrument
from segbench.measurement.instruments.layer_times import LayersInstrument
from segbench.measurement.instruments.peak_memory import MemoryInstrument
from segbench.measurement.instruments.timing import TimingInstrument
from segbench.runtimes.logits import find_head
from zoo.allowed import allow_import

pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit"),
    pytest.mark.filterwarnings("ignore:.isinstance:FutureWarning"),  # of copying an exported one
    pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad"),
]

allow_import("nets_for_inference")
SIDE = 16
PARAMS = (3 * 9 + 1) * 8 + (8 * 9 + 1) * 8 + (8 + 1) * 5
FORWARD = SIDE * SIDE * (27 * 8 + 72 * 8 + 8 * 5)
# The first convolution's input wants no gradient.
BACKWARD = 2 * FORWARD - SIDE * SIDE * 27 * 8


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def task(name, *, batch=1, channels=3, logits=None, enlarge=True, **options):
    return make_task(
        f"nets_for_inference:{name}",
        {"classes": 5, **options},
        batch=batch,
        channels=channels,
        logits=logits,
        enlarge=enlarge,
        height=SIDE,
        width=SIDE,
    )


def inspect(name, **given):
    return InspectionInstrument(task(name, **given)).inspect(strict=False)


def train(name, **given):
    """Time an inference, then a training step, as a worker does."""
    timing = TimingInstrument(task(name, **given))
    for work in ("inference", "training"):
        timing.warm_up(work)
        timing.block(work, 0.001, discard_first=True)
    return timing.state()


@pytest.mark.parametrize(
    "name",
    ["Plain", "Positions", "Remembering", "Silent", "Auxiliary", "scripted", "Checkpointed"],
)
def test_what_trains_is_counted_both_ways_and_trained_after_an_inference(name):
    found = inspect(name)
    assert found["withheld"] == {}
    assert found["params"] == PARAMS
    assert found["macs"]["forward"] == FORWARD
    # Under a checkpoint the second convolution is run again.
    again = SIDE * SIDE * 72 * 8 if name == "Checkpointed" else 0
    assert found["macs"]["backward"] == BACKWARD + again
    assert found["uncounted"] == {"forward": {}, "backward": {}}
    train(name)


def test_a_dict_in_training_is_taken_by_its_logits_alone():
    assert inspect("Auxiliary", keys=True)["macs"]["backward"] == BACKWARD
    train("Auxiliary", keys=True)


def test_modules_that_are_made_in_forward_are_counted():
    found = inspect("Lazy")
    assert found["params"] == (27 + 1) * 8 + 2 * 8 + (8 + 1) * 5
    assert found["macs"]["forward"] == SIDE * SIDE * (27 * 8 + 8 * 5)
    train("Lazy")


def test_batch_norm_over_one_value_withholds_training_alone():
    found = inspect("Pooled")
    assert found["macs"] == {"forward": SIDE * SIDE * (27 * 8 + 8 * 5), "backward": None}
    assert found["flops"]["backward"] is None
    assert found["saved_activations_bytes"] is None
    reason = found["withheld"]["training"]
    assert reason.startswith("ValueError: Expected more than 1 value per channel when training")
    assert reason.endswith("; try --batch 2")
    assert inspect("Pooled", batch=2)["withheld"] == {}
    weighed = MemoryInstrument(task("Pooled")).measure()
    assert weighed["train_peak_bytes"] is None
    assert weighed["withheld"]["training"] == reason


def test_an_exported_module_is_inferred_as_it_is():
    found = inspect("exported")
    assert found["macs"] == {"forward": FORWARD, "backward": None}
    assert found["withheld"] == {
        "training": "it has no training mode, as torch.export leaves it; measure it with "
        "--no-training"
    }


def test_a_scripted_block_is_counted_and_what_it_keeps_is_not_known():
    found = inspect("HalfScripted")
    assert found["macs"]["forward"] == SIDE * SIDE * (27 * 8 + 8 * 5)
    assert found["saved_activations_bytes"] is None
    assert found["subnormals"]["activations"] is None
    rows = LayersInstrument(task("HalfScripted")).measure()["layers"]
    assert [row["name"] for row in rows] == ["logits"]
    assert rows[0]["macs"] == SIDE * SIDE * 8 * 5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_the_input_is_cast_to_the_type_of_the_weights_and_that_is_said(dtype):
    found = inspect("typed", dtype=dtype)
    assert found["dtype"] == dtype
    assert found["remarks"] == [f"its weights are {dtype}, and its input was cast to that"]
    assert found["weights_bytes"] == PARAMS * getattr(torch, dtype).itemsize
    assert found["macs"]["forward"] == FORWARD


@pytest.mark.parametrize("channels", [1, 4])
def test_the_input_has_as_many_channels_as_are_asked_for(channels):
    options = {"classes": 5, "channels": channels}
    task_of_it = make_task(
        "nets_for_inference:Plain", options, channels=channels, height=SIDE, width=SIDE
    )
    found = InspectionInstrument(task_of_it).inspect(strict=False)
    assert found["params"] == PARAMS + (channels - 3) * 9 * 8


def test_a_compiled_network_is_counted_as_it_was_written():
    plain, compiled = inspect("Plain"), inspect("compiled")
    differ = {name for name, figure in compiled.items() if figure != plain[name]}
    assert differ == {"model", "count_method"}  # no trace is taken of what was compiled
    # What the second convolution and the last one read; the ReLU's result is the last one's.
    assert inspect("compiled")["saved_activations_bytes"] == 2 * SIDE * SIDE * 8 * 4


def test_a_network_that_sets_the_threads_is_told_on():
    seen = inspect("SetsThreads")["remarks"]
    assert seen == ["it sets torch to 3 threads, whatever was asked for"]


def test_an_input_that_is_changed_is_told_of():
    assert inspect("Halves")["remarks"] == [
        "it changes its input in place, so that every call gets another one: clone it in forward"
    ]


@pytest.mark.parametrize("name", ["Threaded", "Submitting"])
def test_work_in_another_thread_makes_a_count_a_lower_bound(name):
    found = inspect(name)
    assert found["uncounted"]["forward"]["operators in threads of the network"] > 0
    assert "it computes in threads of its own" in found["remarks"][0]
    assert found["macs"]["forward"] <= FORWARD


WAYS = {
    "tensor": (),
    "dict": ("out",),
    "logits": ("logits",),
    "object": ("logits",),
    "tuple": (1,),
    "one key": ("masks",),
    "nested": (0, "out"),
}


@pytest.mark.parametrize("way", WAYS)
def test_logits_are_found_in_whatever_is_returned(way):
    found = inspect("Returning", way=way)
    words = {(): None, (1,): "[1]", (0, "out"): "[0].out"}
    assert found["head"] == words.get(WAYS[way], ".".join(map(str, WAYS[way])))
    assert (found["classes"], found["macs"]["forward"]) == (5, FORWARD)
    train("Returning", way=way)


def test_logits_of_a_lower_resolution_are_enlarged_and_that_is_counted():
    plain = inspect("Returning", way="tensor", stride=4)
    assert plain["head"] == "stride 4, enlarged"
    given = task("Returning", way="tensor", stride=4, enlarge=False)
    kept = InspectionInstrument(given).inspect(strict=False)
    assert kept["head"] == "stride 4"
    # Bilinear upsampling is 7 for each of its results.
    assert plain["flops"]["forward"] - kept["flops"]["forward"] == 7 * 5 * SIDE * SIDE
    train("Returning", way="tensor", stride=4)


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (
            "two keys",
            (
                "returned a dict with several maps: 'a', 'b'; name the one that holds the logits, "
                "such as --logits a"
            ),
        ),
        (
            "nothing",
            (
                "returned a dict with keys 'a'; segbench needs a floating map of logits (1, "
                "classes, height, width), alone or in a dict, tuple or object: wrap it in a "
                "module that returns that"
            ),
        ),
    ],
)
def test_what_cannot_be_guessed_is_asked_for(way, said):
    with pytest.raises(ValueError, match="returned") as caught:
        inspect("Returning", way=way)
    assert str(caught.value).endswith(said)


def test_the_part_that_holds_the_logits_can_be_named():
    given = task("Returning", way="two keys", logits="b")
    found = InspectionInstrument(given).inspect(strict=False)
    assert found["head"] == "b"


def test_logits_larger_than_the_image_are_refused():
    with pytest.raises(ValueError, match="returned logits of 8x8 for an image of 4x4"):
        find_head(torch.zeros(1, 5, 8, 8), "mine", (1, 3, 4, 4))


def test_a_builder_of_any_options_is_given_no_classes():
    found = InspectionInstrument(
        make_task("nets_for_inference:of_any_options", {"outputs": 6}, height=SIDE, width=SIDE)
    ).inspect(strict=False)
    assert (found["classes"], found["model"]["options"]) == (6, {"outputs": 6})


SMALL = ("--size", "16x16", "--threads", "1")


def segbench(*arguments):
    return segbench_here(*arguments, folder=SUPPORT)


@pytest.mark.measures
@pytest.mark.usefixtures("quick")
def test_a_comparison_trains_those_that_can_be_trained():
    code, output, errors = segbench(
        "compare", "nets_for_inference:Pooled", "nets_for_inference:Plain", *SMALL,
        "--repeats", "1", "--format", "json",
    )  # fmt: skip
    assert code == 0, errors
    found = json.loads(output)
    pooled, plain = found["profiles"]
    assert pooled["latency"]["forward"]["p50_s"] > 0
    assert pooled["latency"]["backward"] is pooled["macs"]["backward"] is None
    assert pooled["withheld"]["training"].endswith("try --batch 2")
    assert plain["latency"]["backward"]["p50_s"] > 0
    metrics = {ratio["metric"] for ratio in found["ratios"]}
    assert "latency.forward.p50_s" in metrics
    assert "latency.backward.p50_s" not in metrics


@pytest.mark.measures
@pytest.mark.usefixtures("quick")
def test_a_limit_on_what_is_withheld_says_why():
    code, output, _ = segbench(
        "check", "nets_for_inference:Pooled", "--limit", "macs.backward <= 1 G",
        "--limit", "latency.backward.p50_s <= 1 s", *SMALL, "--max-time", "1s", "--format", "json",
    )  # fmt: skip
    assert code == 3
    first, second = json.loads(output)["judgements"]
    assert first["verdict"] == second["verdict"] == "inconclusive"
    assert first["reason"].startswith("macs.backward of nets_for_inference:Pooled cannot be had: ")
    assert second["reason"].startswith("it cannot be timed: ValueError: Expected more than 1 value")


@pytest.mark.measures
def test_a_limit_on_training_alone_is_timed_without_any_inference():
    code, output, errors = segbench(
        "check", "nets_for_inference:Plain,classes=5", "--limit", "latency.backward.p50_s <= 100 s",
        *SMALL, "--max-time", "1s", "--format", "json",
    )  # fmt: skip
    assert code == 0, errors
    (found,) = json.loads(output)["judgements"]
    assert (found["verdict"], found["measured"] > 0) == ("within", True)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("bound", "code", "verdict"),
    [(FORWARD + 1, 3, "inconclusive"), (FORWARD - 1, 1, "over")],
)
def test_a_count_that_leaves_operators_out_is_a_lower_bound(bound, code, verdict):
    ended, output, errors = segbench(
        "check", "nets_for_inference:Summing,classes=5", "--limit", f"macs.forward <= {bound}",
        *SMALL, "--format", "json",
    )  # fmt: skip
    assert ended == code, errors
    (found,) = json.loads(output)["judgements"]
    assert (found["verdict"], found["measured"]) == (verdict, FORWARD)
    assert math.isclose(found["bound"], bound)


@pytest.mark.usefixtures("quick")
def test_the_words_of_a_builder_that_ends_the_process_are_shown():
    code, _, errors = segbench("profile", "nets_for_inference:needs_configuring", *SMALL)
    assert code == 2
    assert errors == (
        "segbench: building model 'nets_for_inference:needs_configuring' raised SystemExit: "
        "please set CONFIG\n"
    )


@pytest.mark.usefixtures("quick")
def test_a_wrong_number_of_channels_is_told_with_what_to_do():
    code, _, errors = segbench("profile", "nets_for_inference:Plain,channels=1", *SMALL)
    assert code == 5
    assert errors.endswith("; its first convolution takes 1 channels: try --channels 1\n")
