"""When a profile is called noisy, and what is said then."""

from dataclasses import replace

import pytest
from made_up_results import MACHINE, QUIET
from tasks import make_task

from segbench.measurement.assembly import assemble_profile
from segbench.measurement.noise import judge_noise
from segbench.measurement.recording import Recording
from segbench.measurement.run import NO_PEAKS, Run
from segbench.progress import ignore_progress
from segbench.results.profile import Block, Latencies, Noise, Subnormals
from segbench.results.store import from_json, to_json

TASK = make_task("segfast", threads=2)
THREE = "it computes with 3 threads, and 2 were asked for"
STOLEN = replace(QUIET, steal_s=0.08, steal_share=0.1)
INSPECTION = {
    "model": {"name": "segfast", "options": {"classes": 5}},
    "classes": 5,
    "params": 10,
    "filled": 0,
    "params_trainable": 8,
    "weights_bytes": 40,
    "macs": {"forward": 1, "backward": 2},
    "flops": {"forward": 3, "backward": 4},
    "uncounted": {"forward": {"aten::odd": 2}, "backward": {}},
    "dtype": "float32",
    "head": None,
    "remarks": [],
    "withheld": {},
    "count_method": "traced",
    "subnormals": {"weights": 0, "activations": 0},
}


def recorded(rounds, faults=()):
    """Return a recording of blocks of one sample, each in a cycle of its own."""
    recording = Recording()
    record = recording.phases["forward"]
    record.blocks = [
        Block(number, cycle, 1, seen)
        for number, blocks in enumerate(rounds)
        for cycle, seen in enumerate(blocks)
    ]
    record.samples_s = [0.1] * len(record.blocks)
    record.minor_faults = list(faults) or [0] * len(record.blocks)
    record.first_calls_s = [0.2] * len(rounds)
    return recording


def noise_of(recording, task=TASK, *, in_turns=False):
    return judge_noise(recording, task, in_turns=in_turns)


def assemble(**changes):
    given = {
        "task": TASK,
        "input_name": "noise",
        "environment": MACHINE,
        "inspection": INSPECTION,
        "parity": None,
        "memory": {
            "preparation_peak_bytes": 3,
            "prepare_s": 0.5,
            "forward_peak_bytes": 1,
            "train_peak_bytes": 2,
        },
        "recording": Recording(),
        "supervisor_cpu_share": None,
        "layers": None,
        "complete": True,
    }
    return assemble_profile(**(given | changes))


def test_quiet_blocks_are_not_noisy():
    assert noise_of(recorded([[QUIET] * 4])) == Noise(noisy=False, reasons=())


def test_one_disturbed_round_of_four_is_now_and_then():
    assert not noise_of(recorded([[STOLEN] * 3, *[[QUIET] * 3] * 3])).noisy


def test_two_disturbed_rounds_of_four_make_a_profile_noisy():
    noise = noise_of(recorded([[QUIET] * 2, [STOLEN] * 2, [QUIET] * 2, [STOLEN] * 2]))
    assert noise == Noise(
        noisy=True,
        reasons=(
            "2 of 4 rounds were disturbed; in the first, the hypervisor took 10.0% of the CPU time",
        ),
    )


def test_a_round_is_judged_by_the_sum_of_its_blocks():
    # 0.08 s of 0.8 s are a tenth; of ten such blocks a hundredth, which does not matter.
    assert noise_of(recorded([[STOLEN]])).noisy
    assert not noise_of(recorded([[STOLEN, *[QUIET] * 9]])).noisy


def test_blocks_too_short_to_be_judged_are_judged_together():
    # One tick of 10 ms in 40 ms on two CPUs is an eighth, but may be a single tick by chance.
    tick = replace(QUIET, wall_s=0.04, cpu_s=0.08, steal_s=0.01, steal_share=0.125)
    assert not noise_of(recorded([[tick] * 2])).noisy
    assert noise_of(recorded([[tick] * 3])).reasons == (
        "1 of 1 rounds were disturbed; in the first, the hypervisor took 12.5% of the CPU time",
    )


def test_training_blocks_count_with_those_of_inference_and_once_for_all_phases():
    recording = recorded([[QUIET]])
    for phase in ("forward_train", "backward", "optimizer"):
        record = recording.phases[phase]
        record.blocks, record.samples_s, record.minor_faults = [Block(0, 0, 1, STOLEN)], [0.1], [0]
    # One quiet block and one with a tenth stolen; with one block for each phase it would be 7.5 %.
    assert noise_of(recording).reasons == (
        "1 of 1 rounds were disturbed; in the first, the hypervisor took 5.0% of the CPU time",
    )


def test_what_a_gpu_computes_is_not_disturbed_by_the_cpus_counters():
    assert not noise_of(recorded([[STOLEN]]), make_task("segfast", threads=2, device="cuda")).noisy


def test_page_faults_in_over_a_quarter_of_the_samples_are_noise():
    # 600 faults of 2 microseconds are 1.2 ms of a sample of 100 ms, over one part in a hundred
    assert not noise_of(recorded([[QUIET] * 4], [600, 0, 0, 0])).noisy
    noise = noise_of(recorded([[QUIET] * 4], [600, 0, 0, 600]))
    assert noise == Noise(
        noisy=True,
        reasons=(
            (
                "2 of 4 samples of forward took page faults that matter, although the allocator "
                "should hold still (it needs glibc)"
            ),
        ),
    )


def test_a_few_page_faults_in_a_long_sample_do_not_matter():
    assert not noise_of(recorded([[QUIET] * 4], [400] * 4)).noisy  # 0.8 of 100 ms


DRIFT = ("the machine's own speed moved: only half of the blocks of forward lie within 100-200 ms",)


def drifting(samples_s):
    recording = recorded([[QUIET] * 4])
    recording.phases["forward"].samples_s = samples_s
    return recording


def test_blocks_of_very_different_speed_on_a_quiet_machine_are_noise():
    assert not noise_of(drifting([0.10, 0.10, 0.12, 0.12])).noisy
    assert noise_of(drifting([0.10, 0.10, 0.20, 0.20])) == Noise(noisy=True, reasons=DRIFT)


def test_a_drift_of_the_machine_disturbs_no_network_that_is_measured_in_turns():
    found = noise_of(drifting([0.10, 0.10, 0.20, 0.20]), in_turns=True)
    assert found == Noise(noisy=False, reasons=())


def test_drift_is_said_of_a_profile_and_not_of_a_comparison(monkeypatch):
    class Drifting:
        """In place of the rounds: all that is timed gets slower by half on the way."""

        def __init__(self, **_asked):
            pass

        def run(self, recordings, _progress):
            for recording in recordings:
                recording.phases = drifting([0.10, 0.10, 0.20, 0.20]).phases

    monkeypatch.setattr("segbench.measurement.run.Rounds", Drifting)
    # The second of two networks is measured in turns with a candidate beside them, the first alone.
    run = Run([TASK, make_task("segfast", threads=2, seed=1)], "noise", ignore_progress)
    run.inspections, run.memories = [INSPECTION] * 2, [NO_PEAKS] * 2
    run.time([(0,), (1, 2)], most=1, seed=0, more_candidates=[TASK])
    alone, in_turns = run.profiles(complete=True)
    assert alone.noise.reasons == DRIFT
    assert not in_turns.noise.noisy


def test_page_faults_are_expected_of_the_systems_allocator():
    untuned = make_task("segfast", threads=2, allocator="system")
    assert not noise_of(recorded([[QUIET] * 4], [600] * 4), untuned).noisy


def test_warm_ups_that_did_not_come_to_rest_are_noise():
    recording = recorded([[QUIET] * 4])
    recording.unsteady_rounds = {0}
    assert noise_of(recording).reasons == (
        "warm-up did not come to rest in 1 rounds; what was timed may still change",
    )


def test_warm_ups_without_rest_in_half_of_the_rounds_are_borne():
    recording = recorded([[QUIET]] * 4)
    recording.unsteady_rounds = {1, 3}
    assert not noise_of(recording).noisy


def test_subnormal_numbers_do_not_make_the_machine_noisy():
    inspection = INSPECTION | {"subnormals": {"weights": 3, "activations": 7}}
    profile = assemble(inspection=inspection, recording=recorded([[QUIET] * 4]))
    assert profile.subnormals == Subnormals(3, 7)
    assert not profile.noise.noisy


@pytest.mark.parametrize(("threads", "oversubscribed"), [(2, False), (3, True), (1, False)])
def test_more_threads_than_effective_cpus_are_oversubscribed(threads, oversubscribed):
    profile = assemble(task=replace(TASK, threads=threads))
    seen = profile.workload.threads
    assert (seen.requested, seen.effective_cpus) == (threads, 2)
    assert seen.oversubscribed is oversubscribed


def test_what_no_worker_told_is_unknown():
    profile = assemble()
    assert profile.workload.threads.intra_op is None
    assert profile.memory.process_peak_bytes is None
    assert profile.latency == Latencies()


def test_what_the_worker_told_is_in_the_profile():
    recording = recorded([[QUIET] * 2])
    threads = {"intra_op": 2, "inter_op": 1, "os_threads": 5}
    recording.state = {"threads": threads, "process_peak_bytes": 99, "dtype": "float32"}
    profile = assemble(recording=recording)
    assert profile.workload.threads.os_threads == 5
    assert profile.workload.threads.intra_op == 2
    assert profile.memory.process_peak_bytes == 99
    assert profile.latency.forward.p50_s == 0.1
    assert (profile.workload.classes, profile.params, profile.params_trainable) == (5, 10, 8)
    assert profile.uncounted_ops == {"aten::odd": 2}
    assert profile.workload.threads.computing is None
    assert profile.remarks == ()


@pytest.mark.parametrize(("computing", "remarks"), [(1, ()), (2, ()), (3, (THREE,))])
def test_more_threads_that_compute_than_were_asked_for_are_told(computing, remarks):
    recording = recorded([[QUIET] * 2])
    threads = {"intra_op": 2, "inter_op": 1, "os_threads": 5, "computing": computing}
    recording.state = {"threads": threads, "process_peak_bytes": 99, "dtype": "float32"}
    profile = assemble(recording=recording)
    assert profile.workload.threads.computing == computing
    assert profile.remarks == remarks
    assert from_json(to_json(profile), source="it") == profile
