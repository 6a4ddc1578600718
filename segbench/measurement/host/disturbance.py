"""Disturbance of a block of samples: readings before and after, and a judgement of them.

A snapshot is taken by the process that computes, since it reads that process's own CPU time, faults
and switches beside the counters of the whole machine. Inside a container the latter still cover the
whole machine, so a neighbour shows there too.
"""

import os
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segbench.results.environment import Disturbance

SYSTEM = Path("/")

STEAL_SHARE = 0.02
"""Stolen CPU time that matters: half of the 5 % difference that a comparison must see."""

STEAL_S = 0.03
"""Stolen CPU seconds below which nothing is said: three ticks of the kernel's clock, so that one
tick in a short block does not look like a share."""

OTHER_BUSY_CPUS = 0.15
"""CPUs' worth of foreign work that matters. Quiet blocks of 0.3 s read up to 0.05; half a core of
foreign work beside two computing threads on two CPUs is squeezed to, and reads, 0.25 to 0.3."""

TICK_ERROR_S = 0.02
"""CPU seconds by which foreign work can be misread: the machine's counters advance in ticks of
10 ms, at both ends of the block."""

PSI_SOME_SHARE = 0.1
"""Share of the time with a task waiting for a CPU that matters. As many threads as CPUs leave the
kernel's own work a short wait now and then, up to 0.05 of a quiet block of 0.3 s; half a core of
foreign work makes it 0.26 or more. It is the clearest of all signs."""

SWITCHES_PER_S = 50.0
"""Involuntary switches a second that matter to a single thread: quiet blocks have less than 10, a
competitor on the same CPU makes it 80 or more. Several threads on all CPUs are switched 150 times
a second without any competitor, so for them the count says nothing."""

CPU_WALL_LOW = 0.9
"""CPU seconds a second below which not even the main thread kept computing. There is no higher
floor for more threads, for a network may have parts that run on one."""

CPU_WALL_HIGH = 1.05
"""CPU seconds a second and thread above which more threads computed than were asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Counters of the process and the machine at one moment; all of them only grow.

    Attributes:
        wall_s: a clock's reading, in seconds.
        cpu_s: CPU seconds of this process.
        machine_all_s: CPU seconds of the machine, idle ones included.
        machine_busy_s: those in which a CPU computed for somebody.
        machine_steal_s: those that the hypervisor gave to others.
        psi_some_s: seconds in which at least one task waited for a CPU.
        involuntary_switches: of this process, like the three counts that follow.
        voluntary_switches: see `Disturbance`.
        minor_faults: see `Disturbance`.
        major_faults: see `Disturbance`.
    """

    wall_s: float
    cpu_s: float
    machine_all_s: float | None
    machine_busy_s: float | None
    machine_steal_s: float | None
    psi_some_s: float | None
    involuntary_switches: int
    voluntary_switches: int
    minor_faults: int
    major_faults: int


def take_snapshot(
    root: Path = SYSTEM,
    *,
    clock: Callable[[], float] = time.perf_counter,
    cpu_clock: Callable[[], float] = time.process_time,
) -> Snapshot:
    """Read the counters of this process and of the machine.

    Two of them cost about 70 microseconds on a virtual machine with 2 CPUs (AMD EPYC, Linux 6.18).
    """
    everything, busy, steal = _machine_times(root)
    psi_some_s = _psi_some(root)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return Snapshot(
        wall_s=clock(),
        cpu_s=cpu_clock(),
        machine_all_s=everything,
        machine_busy_s=busy,
        machine_steal_s=steal,
        psi_some_s=psi_some_s,
        involuntary_switches=usage.ru_nivcsw,
        voluntary_switches=usage.ru_nvcsw,
        minor_faults=usage.ru_minflt,
        major_faults=usage.ru_majflt,
    )


def between(before: Snapshot, after: Snapshot) -> Disturbance:
    """What happened between two snapshots of the same process."""
    wall_s = after.wall_s - before.wall_s
    cpu_s = after.cpu_s - before.cpu_s
    steal_s = _grown(before.machine_steal_s, after.machine_steal_s)
    busy_s = _grown(before.machine_busy_s, after.machine_busy_s)
    # Ticks can lag behind the process's exact CPU time; less than nothing is nothing.
    foreign_s = None if busy_s is None else max(0.0, busy_s - cpu_s)
    return Disturbance(
        wall_s=wall_s,
        cpu_s=cpu_s,
        cpu_wall_ratio=_share(cpu_s, wall_s),
        steal_s=steal_s,
        steal_share=_share(steal_s, _grown(before.machine_all_s, after.machine_all_s)),
        other_busy_cpus=_share(foreign_s, wall_s),
        psi_some_share=_share(_grown(before.psi_some_s, after.psi_some_s), wall_s),
        involuntary_switches=after.involuntary_switches - before.involuntary_switches,
        voluntary_switches=after.voluntary_switches - before.voluntary_switches,
        minor_faults=after.minor_faults - before.minor_faults,
        major_faults=after.major_faults - before.major_faults,
    )


def together(blocks: Sequence[Disturbance]) -> Disturbance:
    """What happened in several blocks of the same kind, taken as one.

    What any of them could not see is unknown of the whole.
    """
    wall_s = sum(block.wall_s for block in blocks)
    cpu_s = sum(block.cpu_s for block in blocks)
    return Disturbance(
        wall_s=wall_s,
        cpu_s=cpu_s,
        cpu_wall_ratio=_share(cpu_s, wall_s),
        steal_s=_sum(block.steal_s for block in blocks),
        steal_share=_mean_over_time(blocks, "steal_share"),
        other_busy_cpus=_mean_over_time(blocks, "other_busy_cpus"),
        psi_some_share=_mean_over_time(blocks, "psi_some_share"),
        involuntary_switches=sum(block.involuntary_switches for block in blocks),
        voluntary_switches=sum(block.voluntary_switches for block in blocks),
        minor_faults=sum(block.minor_faults for block in blocks),
        major_faults=sum(block.major_faults for block in blocks),
    )


def _mean_over_time(blocks: Sequence[Disturbance], name: str) -> float | None:
    weighted = _sum(
        None if (share := getattr(block, name)) is None else share * block.wall_s
        for block in blocks
    )
    return _share(weighted, sum(block.wall_s for block in blocks))


def _sum(values: Iterable[float | None]) -> float | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def judge(disturbance: Disturbance, threads: int) -> tuple[str, ...]:
    """Say why a block of computing is noisy; empty when it was quiet.

    Minor faults are no reason: an untuned allocator takes them in every call, undisturbed.

    Args:
        disturbance: evidence around a block in which the process did nothing but compute.
        threads: threads that the process was asked to compute with.
    """
    seen = disturbance
    reasons = []
    if (
        seen.steal_share is not None
        and seen.steal_s is not None
        and seen.steal_share > STEAL_SHARE
        and seen.steal_s >= STEAL_S
    ):
        reasons.append(f"the hypervisor took {seen.steal_share:.1%} of the CPU time")
    if (
        seen.other_busy_cpus is not None
        and seen.other_busy_cpus * seen.wall_s > OTHER_BUSY_CPUS * seen.wall_s + TICK_ERROR_S
    ):
        reasons.append(f"other processes kept {seen.other_busy_cpus:.2f} CPUs busy")
    if seen.psi_some_share is not None and seen.psi_some_share > PSI_SOME_SHARE:
        reasons.append(f"tasks waited for a CPU during {seen.psi_some_share:.0%} of the time")
    if threads == 1 and seen.involuntary_switches > SWITCHES_PER_S * seen.wall_s + 1:
        reasons.append(
            f"{seen.involuntary_switches} involuntary context switches in {seen.wall_s:.2f} s"
        )
    if seen.cpu_wall_ratio is not None:
        reasons += _judge_cpu_time(seen.cpu_wall_ratio, threads)
    if seen.major_faults > 0:
        reasons.append(f"{seen.major_faults} pages were read from a disk")
    return tuple(reasons)


def _judge_cpu_time(ratio: float, threads: int) -> list[str]:
    """Reasons from the CPU seconds a second."""
    if ratio < CPU_WALL_LOW:
        return [f"the process computed for only {ratio:.0%} of the time"]
    if ratio > CPU_WALL_HIGH * threads:
        return [f"{ratio:.2f} CPUs computed where {threads} threads were asked for"]
    return []


def _machine_times(root: Path) -> tuple[float, float, float] | tuple[None, None, None]:
    """All, busy and stolen CPU seconds, from the first line of ``/proc/stat``."""
    text = _first_bytes(f"{root}/proc/stat")
    if text is None:
        return None, None, None
    # user nice system idle iowait irq softirq steal; a guest's time, which follows, is in user
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, text.split()[1:9])
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    busy = user + nice + system + irq + softirq
    return (busy + idle + iowait + steal) * tick_s, busy * tick_s, steal * tick_s


def _psi_some(root: Path) -> float | None:
    """Seconds in which at least one task waited for a CPU, where the kernel keeps count."""
    text = _first_bytes(f"{root}/proc/pressure/cpu")
    if text is None:
        return None
    # some avg10=0.00 avg60=0.00 avg300=0.00 total=7621011
    return int(text.split(maxsplit=5)[4].removeprefix(b"total=")) / 1e6


def _first_bytes(path: str) -> bytes | None:
    """The beginning of a file, without the cost of a text file."""
    try:
        file = os.open(path, os.O_RDONLY)
        try:
            return os.read(file, 256)
        finally:
            os.close(file)
    except OSError:  # missing, forbidden, or (pressure) compiled in but switched off
        return None


def _grown(before: float | None, after: float | None) -> float | None:
    """Growth of a counter that may be missing; idle and steal may step back, then 0."""
    return None if before is None or after is None else max(0.0, after - before)


def _share(part: float | None, whole: float | None) -> float | None:
    """A quotient, or ``None`` where either is unknown or nothing passed."""
    return None if part is None or not whole else part / whole
