"""When a profile is called noisy, and what is said then."""

from dataclasses import replace

import pytest
from made_up_results import MACHINE, QUIET

from segbench.assembling import assemble_profile
from segbench.noise import judge_noise
from segbench.protocol import Task
from segbench.recording import Recording
from segbench.results import Block, Latencies, Noise, Subnormals

TASK = Task("segfast", {}, threads=2)
STOLEN = replace(QUIET, steal_s=0.08, steal_share=0.1)
INSPECTION = {
    "model": {"name": "segfast", "options": {"classes": 5}},
    "classes": 5,
    "params": 10,
    "params_trainable": 8,
    "weights_bytes": 40,
    "macs": {"forward": 1, "backward": 2},
    "flops": {"forward": 3, "backward": 4},
    "uncounted_ops": {"aten::odd": 2},
    "count_method": "traced",
    "subnormals": {"weights": 0, "activations": 0},
}


def recorded(disturbances, faults=()):
    recording = Recording()
    record = recording.phases["forward"]
    record.blocks = [Block(0, cycle, 1, seen) for cycle, seen in enumerate(disturbances)]
    record.samples_s = [0.1] * len(record.blocks)
    record.minor_faults = list(faults) or [0] * len(record.blocks)
    record.first_calls_s = [0.2]
    return recording


def assemble(**changes):
    given = {
        "task": TASK,
        "input_name": "noise",
        "environment": MACHINE,
        "inspection": INSPECTION,
        "memory": {"forward_peak_bytes": 1, "train_peak_bytes": 2},
        "recording": Recording(),
        "supervisor_cpu_share": None,
        "layers": None,
        "complete": True,
    }
    return assemble_profile(**(given | changes))


def test_quiet_blocks_are_not_noisy():
    assert judge_noise(recorded([QUIET] * 4), TASK) == Noise(noisy=False, reasons=())


def test_one_disturbed_block_of_four_is_now_and_then():
    assert not judge_noise(recorded([STOLEN, *[QUIET] * 3]), TASK).noisy


def test_two_disturbed_blocks_of_four_make_a_profile_noisy():
    noise = judge_noise(recorded([QUIET, STOLEN, QUIET, STOLEN]), TASK)
    assert noise == Noise(
        noisy=True,
        reasons=(
            "2 of 4 blocks were disturbed; in the first, the hypervisor took 10.0% of the CPU time",
        ),
    )


def test_page_faults_in_over_a_quarter_of_the_samples_are_noise():
    # 600 faults of 2 microseconds are 1.2 ms of a sample of 100 ms, over one part in a hundred
    assert not judge_noise(recorded([QUIET] * 4, [600, 0, 0, 0]), TASK).noisy
    noise = judge_noise(recorded([QUIET] * 4, [600, 0, 0, 600]), TASK)
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
    assert not judge_noise(recorded([QUIET] * 4, [400] * 4), TASK).noisy  # 0.8 of 100 ms


def test_blocks_of_very_different_speed_on_a_quiet_machine_are_noise():
    def noise(samples_s):
        recording = recorded([QUIET] * 4)
        recording.phases["forward"].samples_s = samples_s
        return judge_noise(recording, TASK)

    assert not noise([0.10, 0.10, 0.12, 0.12]).noisy
    drifted = noise([0.10, 0.10, 0.20, 0.20])
    assert drifted == Noise(
        noisy=True,
        reasons=(
            (
                "the machine's own speed moved: only half of the blocks of forward lie within "
                "100-200 ms"
            ),
        ),
    )


def test_page_faults_are_expected_of_the_systems_allocator():
    untuned = replace(TASK, allocator="system")
    assert not judge_noise(recorded([QUIET] * 4, [600] * 4), untuned).noisy


def test_warm_ups_that_did_not_come_to_rest_are_noise():
    recording = recorded([QUIET] * 4)
    recording.unsteady_rounds = {0}
    assert judge_noise(recording, TASK).reasons == (
        "warm-up did not come to rest in 1 rounds; what was timed may still change",
    )


def test_subnormal_numbers_do_not_make_the_machine_noisy():
    inspection = INSPECTION | {"subnormals": {"weights": 3, "activations": 7}}
    profile = assemble(inspection=inspection, recording=recorded([QUIET] * 4))
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
    recording = recorded([QUIET] * 2)
    threads = {"intra_op": 2, "inter_op": 1, "os_threads": 5}
    recording.state = {"threads": threads, "process_peak_bytes": 99}
    profile = assemble(recording=recording)
    assert profile.workload.threads.os_threads == 5
    assert profile.workload.threads.intra_op == 2
    assert profile.memory.process_peak_bytes == 99
    assert profile.latency.forward.p50_s == 0.1
    assert (profile.workload.classes, profile.params, profile.params_trainable) == (5, 10, 8)
    assert profile.uncounted_ops == {"aten::odd": 2}
