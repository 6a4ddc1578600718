"""What workers report becomes latencies."""

import math
from dataclasses import asdict

import pytest
from made_up_results import QUIET

from segbench.measurement.recording import PhaseRecord, Recording
from segbench.results.profile import Block, Latencies
from segbench.results.samples import block_medians


def block_reply(samples, faults=None, phase="forward"):
    return {
        "samples_s": {phase: samples},
        "minor_faults": {phase: faults or [0] * len(samples)},
        "disturbance": asdict(QUIET),
    }


def warm_up_reply(first_s, *, calls=8, steady=True):
    return {
        "prepare_s": 0.5,
        "first_call_s": {"forward": first_s},
        "calls": calls,
        "steady": steady,
    }


@pytest.fixture
def recording():
    """Two rounds of two blocks with medians 2, 5, 4 and 9 seconds."""
    made = Recording()
    made.add_warm_up(warm_up_reply(30.0, calls=9), round_number=0)
    made.add_block(block_reply([1.0, 3.0]), round_number=0, cycle=0)
    made.add_block(block_reply([5.0]), round_number=0, cycle=1)
    made.add_warm_up(warm_up_reply(40.0, calls=11, steady=False), round_number=1)
    made.add_block(block_reply([4.0, 4.0, 4.0], [0, 8, 2]), round_number=1, cycle=0)
    made.add_block(block_reply([9.0], [6]), round_number=1, cycle=1)
    return made


def test_a_latency_is_the_median_of_the_medians_of_its_blocks(recording):
    assert recording.latencies().forward.p50_s == 4.5  # of 2, 4, 5 and 9


def test_the_first_call_is_the_median_over_the_processes_and_no_sample(recording):
    latency = recording.latencies().forward
    assert latency.first_call_s == 35.0
    assert latency.warmup_calls == (9, 11)
    assert 30.0 not in latency.samples_s


def test_every_sample_is_kept_in_its_order_with_its_page_faults(recording):
    latency = recording.latencies().forward
    assert latency.samples_s == (1.0, 3.0, 5.0, 4.0, 4.0, 4.0, 9.0)
    assert latency.minor_faults == (0, 0, 0, 0, 8, 2, 6)
    assert latency.minor_faults_per_call == 0


def test_every_block_is_kept_with_its_round_its_cycle_and_what_disturbed_it(recording):
    assert recording.latencies().forward.blocks == (
        Block(0, 0, 2, QUIET),
        Block(0, 1, 1, QUIET),
        Block(1, 0, 3, QUIET),
        Block(1, 1, 1, QUIET),
    )


def test_seven_samples_support_no_percentile(recording):
    latency = recording.latencies().forward
    assert latency.p90_s is None
    assert latency.p99_s is None


def test_the_interval_follows_from_the_logarithms_of_the_medians(recording):
    # The two medians of a round differ by ln(5 / 2) = 0.916 and ln(9 / 4) = 0.811: the variance of
    # the mean of two is a quarter of the square, 0.187 on average. The rounds have means of 1.151
    # and 1.792, and a variance of 0.205. So near to each other they are pooled: (0.205 + 2 x 0.187)
    # / 3 = 0.193, and 3.182 sqrt(0.193 / 2) = 0.989 is the half width. Resampling moves it by 1 %.
    low, high = recording.latencies().forward.ci95_s
    assert math.log(4.5 / low) == pytest.approx(0.989, rel=0.03)
    assert math.log(high / 4.5) == pytest.approx(0.989, rel=0.03)


def test_a_round_that_did_not_get_steady_is_remembered(recording):
    assert recording.unsteady_rounds == {1}


def test_a_phase_without_a_block_is_unknown(recording):
    assert recording.latencies().backward is None
    assert Recording().latencies() == Latencies()
    assert PhaseRecord(first_calls_s=[1.0]).latency() is None


def test_the_three_phases_of_a_training_step_are_kept_apart():
    made = Recording()
    phases = {"forward_train": 0.2, "backward": 0.3, "optimizer": 0.1}
    reply = {"prepare_s": None, "first_call_s": phases, "calls": 7, "steady": True}
    made.add_warm_up(reply, round_number=0)
    reply = {
        "samples_s": {phase: [seconds] for phase, seconds in phases.items()},
        "minor_faults": {phase: [0] for phase in phases},
        "disturbance": asdict(QUIET),
    }
    made.add_block(reply, round_number=0, cycle=0)
    latencies = made.latencies()
    assert latencies.forward is None
    assert latencies.forward_train.p50_s == 0.2
    assert latencies.backward.p50_s == 0.3
    assert latencies.optimizer.p50_s == 0.1


def test_block_medians_are_grouped_by_round():
    blocks = (Block(0, 0, 3, QUIET), Block(0, 1, 2, QUIET), Block(2, 0, 1, QUIET))
    assert block_medians((7.0, 1.0, 2.0, 4.0, 6.0, 8.0), blocks) == {0: [2.0, 5.0], 2: [8.0]}
