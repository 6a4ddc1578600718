"""What a comparison takes, and when it has measured enough, told by a run that keeps the time."""

import math
from dataclasses import asdict, dataclass, field

import pytest
from made_up_results import QUIET

from segbench.errors import NotComparableError, UsageError
from segbench.measurement.profile import _check_heads, _in_runtimes, _plan, _until
from segbench.measurement.recording import Recording
from segbench.measurement.schedule import ALONE, IN_TURNS
from segbench.measurement.settings import Settings
from segbench.results.candidate import Candidate
from segbench.runtimes.choices import choose_runtimes


@dataclass
class FakeRun:
    """A clock to set, and the recordings of so many candidates."""

    elapsed_s: float = 0.0
    recordings: list[Recording] = field(default_factory=list)


def recorded(rounds_s):
    """Return a recording of two blocks in each round, both of so many seconds a call."""
    recording = Recording()
    first = {"prepare_s": None, "first_call_s": {"forward": 1.0}, "calls": 7, "steady": True}
    for number, seconds in enumerate(rounds_s):
        recording.add_warm_up(first, round_number=number)
        for cycle in range(2):
            reply = {
                "samples_s": {"forward": [seconds]},
                "minor_faults": {"forward": [0]},
                "disturbance": asdict(QUIET),
            }
            recording.add_block(reply, round_number=number, cycle=cycle)
    return recording


# The logarithms to base 2 of the ratios of the three rounds are -0.01, 0 and 0.01. Student's
# quantile at two degrees of freedom is 4.303, so that half the width of the interval is
# 4.303 x 0.01 / sqrt(3) = 0.02484, and 2 to the power of that 1.0174.
BASELINE = recorded([1.0, 1.0, 1.0])
WITHIN_1_74_PERCENT = recorded([2 * 2**-0.01, 2.0, 2 * 2**0.01])
WITHIN_3_50_PERCENT = recorded([2 * 2**-0.02, 2.0, 2 * 2**0.02])
ONE_ROUND = recorded([2.0])


def until(run, *, candidates=1, least=3, interval=None, max_time_s=None):
    pairs = [(candidate + 1, 0) for candidate in range(candidates)]
    return _until(run, pairs, least=least, interval=interval, max_time_s=max_time_s)


def test_without_interval_and_time_the_rounds_asked_for_are_measured():
    assert until(FakeRun()) is None


@pytest.mark.parametrize(("interval", "enough"), [(0.0173, False), (0.0175, True)])
def test_a_ratio_is_enough_when_half_its_interval_is_within_the_interval(interval, enough):
    run = FakeRun(recordings=[BASELINE, WITHIN_1_74_PERCENT])
    assert until(run, interval=interval)(3) is enough


@pytest.mark.parametrize(("interval", "enough"), [(0.0349, False), (0.0351, True)])
def test_every_ratio_must_be_as_narrow_as_the_interval(interval, enough):
    # Ratios twice as far apart make it 2 ** (2 x 0.02484) = 1.0350.
    run = FakeRun(recordings=[BASELINE, WITHIN_1_74_PERCENT, WITHIN_3_50_PERCENT])
    assert until(run, candidates=2, interval=interval)(3) is enough


def test_fewer_rounds_than_the_least_are_never_enough():
    run = FakeRun(recordings=[BASELINE, WITHIN_1_74_PERCENT])
    enough = until(run, least=4, interval=0.5, max_time_s=1.0)
    run.elapsed_s = 1000.0
    assert not enough(3)
    assert enough(4)


def test_a_ratio_without_an_interval_is_not_narrow_enough():
    forward = recorded([1.0]).phases["forward"]
    forward.samples_s, forward.minor_faults, forward.blocks = [1.0], [0], forward.blocks[:1]
    alone = Recording()
    alone.phases["forward"] = forward
    run = FakeRun(recordings=[alone, ONE_ROUND])
    assert until(run, least=1, interval=math.inf)(1)  # nothing is wider than that
    assert not until(run, least=1, interval=1e9)(1)


def test_time_is_enough_when_one_more_round_would_end_too_late():
    # Ten seconds have gone into counting, and each round takes ten: six end after 70 s.
    run = FakeRun(elapsed_s=10.0)
    enough = until(run, max_time_s=70.0)
    found = []
    for rounds in range(1, 7):
        run.elapsed_s += 10.0
        found.append(enough(rounds))
    assert found == [False, False, False, False, False, True]


def test_the_least_rounds_are_measured_however_long_they_take():
    run = FakeRun()
    enough = until(run, max_time_s=5.0)
    run.elapsed_s = 80.0
    assert [enough(2), enough(3)] == [False, True]


def test_interval_that_is_not_reached_ends_after_ten_minutes():
    run = FakeRun(recordings=[BASELINE, WITHIN_3_50_PERCENT])
    enough = until(run, interval=0.001)
    found = []
    for rounds in range(1, 5):  # of 150 s: the fourth ends at 600 s, a fifth would end too late
        run.elapsed_s = rounds * 150.0
        found.append(enough(rounds))
    assert found == [False, False, False, True]


def test_the_next_round_is_expected_to_take_as_long_as_the_last():
    # On a machine that becomes disturbed, rounds become longer.
    run = FakeRun()
    enough = until(run, max_time_s=100.0)
    found = []
    for rounds, run.elapsed_s in enumerate([10.0, 20.0, 30.0, 55.0, 80.0], start=1):
        found.append(enough(rounds))
    assert found == [False, False, False, False, True]


def test_a_given_time_goes_before_the_ten_minutes():
    run = FakeRun(recordings=[BASELINE, WITHIN_3_50_PERCENT])
    enough = until(run, interval=0.001, max_time_s=3600.0)
    run.elapsed_s = 900.0
    assert not enough(3)


def test_interval_may_be_reached_before_the_time_is_up():
    run = FakeRun(recordings=[BASELINE, WITHIN_1_74_PERCENT])
    assert until(run, interval=0.02, max_time_s=3600.0)(3)


@pytest.mark.parametrize("plan", [ALONE, IN_TURNS])
def test_without_training_the_plan_is_that_of_inference(plan):
    assert _plan(plan, training=True) == plan
    assert [sampling.work for sampling in _plan(plan, training=False)] == ["inference"]


def test_heads_that_differ_are_not_compared_unasked():
    found = [Candidate.parse(text) for text in ("segfast", "segfast@eager:bf16,head=argmax")]
    with pytest.raises(NotComparableError) as caught:
        _check_heads(["segfast", "segfast@eager:bf16"], found, "logits")
    assert str(caught.value) == (
        "cannot compare segfast@eager:bf16,head=argmax with segfast: heads differ (argmax and "
        "logits); name the head of each, as in 'segfast@eager:bf16,head=logits'"
    )


@pytest.mark.parametrize(
    ("model", "precision", "head", "runtimes"),
    [
        ("segfast@eager", "bf16", "argmax", ["eager:bf16,head=argmax"]),
        ("segfast@eager:fp32", "bf16", "argmax", ["eager,head=argmax"]),
        ("segfast@eager,head=logits", "fp32,bf16", "argmax", ["eager,head=logits",
         "eager:bf16,head=logits"]),
        ("segfast@eager,layout=nhwc", "all", "logits", ["eager,layout=nhwc",
         "eager:bf16,layout=nhwc"]),
    ],
)  # fmt: skip
def test_what_a_candidate_does_not_name_is_filled_in(model, precision, head, runtimes):
    found = _in_runtimes(Settings(), model, choose_runtimes("eager"), precision, head)
    assert [str(each.runtime) for each in found] == runtimes


@pytest.mark.parametrize(
    ("models", "head"),
    [
        (["segfast"], "logits,argmax"),
        (["segfast", "segfast@eager,head=argmax"], "logits"),
        (["segfast@eager,head=logits", "segfast"], "argmax"),
    ],
)
def test_heads_that_are_named_are_compared(models, head):
    runtimes = choose_runtimes("eager", head=head)
    settings = Settings()
    found = [
        each for model in models for each in _in_runtimes(settings, model, runtimes, "fp32", head)
    ]
    assert {each.runtime.head for each in found} == {"logits", "argmax"}
    _check_heads(models, found, head)


@pytest.mark.parametrize(
    ("precision", "head", "expected"),
    [
        ("fp32", "logits", ["net.xml"]),
        ("bf16", "logits", ["net.xml@openvino:bf16"]),
        ("fp32,bf16", "logits", ["net.xml", "net.xml@openvino:bf16"]),
    ],
)
def test_a_graph_file_runs_in_its_own_runtime_whatever_else_is_asked(precision, head, expected):
    runtimes = choose_runtimes("eager", precision, head)
    found = _in_runtimes(Settings(), "net.xml", runtimes, precision, head)
    assert [str(each) for each in found] == expected
    named = _in_runtimes(Settings(), "net.xml@openvino", runtimes, precision, head)
    assert [str(each) for each in named] == ["net.xml"]


def test_a_graph_file_has_the_head_that_it_was_written_with(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"")
    runtimes = choose_runtimes("eager", "fp32", "argmax")
    [candidate] = _in_runtimes(Settings(), str(path), runtimes, "fp32", "argmax")
    with pytest.raises(UsageError) as caught:
        Settings().task(candidate)
    assert str(caught.value) == (
        f"graph file {str(path)!r} is run as it is, whatever head says; leave it out"
    )
