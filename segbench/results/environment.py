"""Environment of a result: the machine, its load, and what disturbed a block of samples.

Plain facts that are stored with every result: each field is JSON-friendly, and ``None`` means that
the system does not tell.
"""

from dataclasses import dataclass
from typing import Literal

from segbench.quantities import Amount, Count, Number, Seconds

Level = Literal["ok", "warn", "bad"]

COMPARED = {
    "cpu_model": "CPU model",
    "architecture": "architecture",
    "logical_cpus": "logical CPUs",
    "physical_cores": "physical cores",
    "effective_cpus": "effective CPUs",
    "governor": "frequency governor",
    "turbo": "turbo",
    "hypervisor": "hypervisor",
    "transparent_hugepages": "transparent huge pages",
    "libc": "C library",
    "torch": "torch",
}
"""Fields of `Environment` that must be equal for two results to be comparable, in words.

The instruction sets, and Python's version without its last number, must be equal as well. The
kernel, the operating system's name and the amount of memory may differ: they change with each
update, or do not set the time of a network that fits in memory.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """The machine and the software that a result was measured with.

    It holds nothing that names the machine's owner: no host name, no user, no path.

    Attributes:
        cpu_model: name of the CPU; several kinds of core are joined by " + ".
        architecture: as the kernel names it ("x86_64", "aarch64").
        instruction_sets: those that matter to inference and that every core has.
        logical_cpus: CPUs that are online.
        physical_cores: cores behind them.
        affinity_cpus: online CPUs that the process may run on.
        cgroup_quota_cpus: the tightest CPU quota of the process's control groups, in CPUs;
            ``None`` where there is no quota.
        effective_cpus: how many threads can really compute at a time.
        governor: frequency governor; several are joined by a comma.
        turbo: whether the CPU may exceed its nominal frequency.
        hypervisor: "none" on bare metal, "unnamed" in a virtual machine that hides its maker.
        transparent_hugepages: the kernel's setting ("always", "madvise" or "never").
        memory_total_bytes: memory of the machine.
        memory_limit_bytes: the tightest limit of the control groups; ``None`` without a limit.
        kernel: release of the kernel.
        os: name of the operating system.
        libc: "glibc 2.36", or "musl".
        python: full version of Python.
        torch: installed version of torch, ``None`` where it is not installed.
        segbench: installed version of segbench, ``None`` where it is not installed.
    """

    cpu_model: str | None
    architecture: str
    instruction_sets: tuple[str, ...] | None
    logical_cpus: Count | None
    physical_cores: Count | None
    affinity_cpus: Count | None
    cgroup_quota_cpus: Amount | None
    effective_cpus: Number
    governor: str | None
    turbo: bool | None
    hypervisor: str | None
    transparent_hugepages: str | None
    memory_total_bytes: Count | None
    memory_limit_bytes: Count | None
    kernel: str | None
    os: str
    libc: str | None
    python: str
    torch: str | None
    segbench: str | None

    def differences(self, other: "Environment") -> tuple[str, ...]:
        """Say why results of the two cannot be compared; empty when they can.

        ``self`` is named the baseline and ``other`` the candidate. A reading that only one of the
        two has counts as a difference.
        """
        found = [
            f"{words} {_verb(words)} (baseline {_show(mine)}, candidate {_show(theirs)})"
            for field, words in COMPARED.items()
            if (mine := getattr(self, field)) != (theirs := getattr(other, field))
        ]
        if self.instruction_sets != other.instruction_sets:
            found.append(_instruction_set_difference(self.instruction_sets, other.instruction_sets))
        if _minor(self.python) != _minor(other.python):
            found.append(f"Python differs (baseline {self.python}, candidate {other.python})")
        return tuple(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Disturbance:
    """Evidence of what happened around a block of samples.

    Attributes:
        wall_s: seconds that the block took.
        cpu_s: CPU seconds of this process, all threads.
        cpu_wall_ratio: ``cpu_s / wall_s``, how many CPUs the process computed on.
        steal_s: CPU seconds that the hypervisor gave to others, over all CPUs.
        steal_share: these as a share of all CPU time.
        other_busy_cpus: CPUs that computed for anybody but this process.
        psi_some_share: share of the time in which at least one task waited for a CPU.
        involuntary_switches: how often a thread of the process was put aside for another task.
        voluntary_switches: how often a thread of the process went to sleep.
        minor_faults: pages that the process touched for the first time.
        major_faults: pages that had to be read from a disk.
    """

    wall_s: Seconds
    cpu_s: Seconds
    cpu_wall_ratio: Amount | None
    steal_s: Amount | None
    steal_share: Amount | None
    other_busy_cpus: Amount | None
    psi_some_share: Amount | None
    involuntary_switches: Count
    voluntary_switches: Count
    minor_faults: Count
    major_faults: Count


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What a machine is busy with, read over a short interval in which this process sleeps.

    Attributes:
        interval_s: seconds between the two readings.
        load_average: tasks that ran or waited, averaged over the last minute.
        other_busy_cpus: CPUs that computed during the interval.
        steal_share: share of all CPU time that the hypervisor gave to others.
        psi_some_share: share of the interval in which at least one task waited for a CPU.
        memory_available_bytes: memory that can be had without swapping.
        swap_used_bytes: memory that lies in swap.
    """

    interval_s: float
    load_average: float | None
    other_busy_cpus: float | None
    steal_share: float | None
    psi_some_share: float | None
    memory_available_bytes: int | None
    swap_used_bytes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that makes a machine fit or unfit for timing.

    Attributes:
        level: "warn" makes figures less certain, "bad" makes them worthless.
        subject: what was looked at, in one or two words.
        what: what was found.
        advice: what to do about it; empty where nothing is to be done.
    """

    level: Level
    subject: str
    what: str
    advice: str = ""


def _show(value: object) -> str:
    """A reading in words."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _verb(words: str) -> str:
    """The form of "differ" that agrees with the words before it."""
    return "differ" if words.endswith(("CPUs", "cores", "pages")) else "differs"


def _minor(version: str) -> str:
    """A version without its last number: bug-fix releases of Python keep its speed."""
    return ".".join(version.split(".")[:2])


def _instruction_set_difference(
    baseline: tuple[str, ...] | None, candidate: tuple[str, ...] | None
) -> str:
    """Name the instruction sets that only one of two machines has."""
    if baseline is None or candidate is None:
        shown = (" ".join(sets) if sets is not None else None for sets in (baseline, candidate))
        first, second = map(_show, shown)
        return f"instruction sets differ (baseline {first}, candidate {second})"
    first = " ".join(name for name in baseline if name not in candidate) or "none"
    second = " ".join(name for name in candidate if name not in baseline) or "none"
    return f"instruction sets differ (only baseline: {first}; only candidate: {second})"
