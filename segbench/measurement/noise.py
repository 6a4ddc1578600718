"""Judge whether a run was disturbed: by other work, by page faults, by the machine's own drift."""

from __future__ import annotations

import statistics

from segbench.measurement.host.disturbance import judge, together
from segbench.measurement.instruments.clock import Reading
from segbench.measurement.recording import Recording
from segbench.measurement.workers.protocol import Task
from segbench.results.environment import Disturbance
from segbench.results.profile import PHASES, Noise
from segbench.results.samples import block_medians
from segbench.units import seconds_range

# Some service wakes up now and then on any machine, and medians bear it. Beyond this share of the
# rounds, or samples, it is no longer now and then.
DISTURBED_SHARE = 0.25
# Where nothing else runs and the kernel sees nothing, a virtual CPU can still be slow for seconds:
# its neighbours on the same hardware are out of sight. Only the samples show it.
DRIFT = 0.25
MIN_BLOCKS = 4


def judge_noise(recording: Recording, task: Task, *, in_turns: bool) -> Noise:
    """Say whether the samples were disturbed, and by what.

    Args:
        in_turns: the network was measured in turns with another. What the machine's own speed did
            meanwhile both have seen; it widens the interval of their ratio and disturbs nothing.
    """
    reasons = [
        *_disturbed_rounds(recording, task),
        *_faulting_samples(recording, task),
        *_unsteady_rounds(recording),
        *([] if in_turns else _drift(recording)),
    ]
    return Noise(noisy=bool(reasons), reasons=tuple(reasons))


def _disturbed_rounds(recording: Recording, task: Task) -> list[str]:
    """Judge each round by the sum over its blocks, for a short block sees but a tick or two."""
    if task.workload.device != "cpu":
        return []
    rounds: dict[int, list[Disturbance]] = {}
    # The phases of a training step share their blocks.
    for phase in ("forward", "forward_train"):
        for block in recording.phases[phase].blocks:
            rounds.setdefault(block.round, []).append(block.disturbance)
    found = [
        reasons for seen in rounds.values() if (reasons := judge(together(seen), task.threads))
    ]
    if len(found) <= DISTURBED_SHARE * len(rounds):
        return []
    return [f"{len(found)} of {len(rounds)} rounds were disturbed; in the first, {found[0][0]}"]


def _faulting_samples(recording: Recording, task: Task) -> list[str]:
    if task.workload.device != "cpu" or task.workload.allocator != "steady":
        return []
    found = []
    for phase in PHASES:
        record = recording.phases[phase]
        faulting = sum(
            Reading(sample_s, faults).is_faulting
            for sample_s, faults in zip(record.samples_s, record.minor_faults, strict=True)
        )
        if faulting > DISTURBED_SHARE * len(record.samples_s):
            found.append(
                f"{faulting} of {len(record.samples_s)} samples of {phase} took page faults that "
                "matter, although the allocator should hold still (it needs glibc)"
            )
    return found


def _unsteady_rounds(recording: Recording) -> list[str]:
    unsteady = len(recording.unsteady_rounds)
    if 2 * unsteady <= len(recording.phases["forward"].first_calls_s):
        return []
    return [f"warm-up did not come to rest in {unsteady} rounds; what was timed may still change"]


def _drift(recording: Recording) -> list[str]:
    record = recording.phases["forward"]
    medians = [
        value for row in block_medians(record.samples_s, record.blocks).values() for value in row
    ]
    if len(medians) < MIN_BLOCKS:
        return []
    low, _, high = statistics.quantiles(medians, n=4)
    if high / low <= 1 + DRIFT:
        return []
    return [
        "the machine's own speed moved: only half of the blocks of forward lie within "
        + seconds_range(low, high)
    ]
