"""The machine that results are measured on: what it is, and whether it is fit for timing now.

Reading and judging are apart: `read_environment` and `read_load` read the system, `judge_fitness`
knows only what they returned.
"""

import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path

from segbench import cpus
from segbench.cpus import SYSTEM, read_or_none
from segbench.disturbance import between, take_snapshot
from segbench.machine import Environment, Finding, Level, Load

NO_LIMIT_BYTES = 2**60
"""Version 1 control groups write "no limit" as the largest number of whole pages."""

BUSY_WARN_CPUS = 0.1
"""Foreign work that a quiet machine stays below, in CPUs."""

BUSY_BAD_CPUS = 0.5
"""Foreign work that moves a two-thread latency by more than a comparison is meant to see."""

STEAL_WARN_SHARE = 0.005
STEAL_BAD_SHARE = 0.02
"""Stolen CPU time: a tenth, and nearly half, of the 5 % difference that must be seen."""

PSI_WARN_SHARE = 0.05
"""Share of the time with a task waiting for a CPU, while this process sleeps."""

MEMORY_WARN_BYTES = 2 * 2**30
"""A training step of the largest networks at 224x224 and batch 8 needs about this much."""

SWAP_WARN_BYTES = 64 * 2**20
"""Swap that is more than pages which nobody has touched since the machine started."""


def read_environment(root: Path = SYSTEM) -> Environment:
    """Read what this machine is, from the files below ``root``.

    The versions of Python and of the installed packages, the C library and the architecture are
    those of the running process.
    """
    return Environment(
        cpu_model=cpus.cpu_model(root),
        architecture=platform.machine(),
        instruction_sets=cpus.instruction_sets(root),
        logical_cpus=cpus.online_cpus(root),
        physical_cores=cpus.physical_cores(root),
        affinity_cpus=cpus.affinity_cpus(root),
        cgroup_quota_cpus=cpus.cgroup_quota_cpus(root),
        effective_cpus=cpus.effective_cpus(root),
        governor=_governor(root),
        turbo=_turbo(root),
        hypervisor=_hypervisor(root),
        transparent_hugepages=_transparent_hugepages(root),
        memory_total_bytes=_memory(root).get("MemTotal"),
        memory_limit_bytes=_memory_limit(root),
        kernel=(read_or_none(root / "proc/sys/kernel/osrelease") or "").strip() or None,
        os=_os_name(root),
        libc=_libc(root),
        python=platform.python_version(),
        torch=_installed_version("torch"),
        segbench=_installed_version("segbench"),
    )


def read_load(
    root: Path = SYSTEM,
    *,
    interval_s: float = 1.0,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.perf_counter,
) -> Load:
    """Read what the machine is busy with, while this process sleeps for ``interval_s`` seconds."""
    before = take_snapshot(root, clock=clock)
    sleep(interval_s)
    seen = between(before, take_snapshot(root, clock=clock))
    averages = (read_or_none(root / "proc/loadavg") or "").split()
    memory = _memory(root)
    swap = memory.get("SwapTotal"), memory.get("SwapFree")
    return Load(
        interval_s=seen.wall_s,
        load_average=float(averages[0]) if averages else None,
        other_busy_cpus=seen.other_busy_cpus,
        steal_share=seen.steal_share,
        psi_some_share=seen.psi_some_share,
        memory_available_bytes=memory.get("MemAvailable"),
        swap_used_bytes=None if swap[0] is None or swap[1] is None else swap[0] - swap[1],
    )


def judge_fitness(environment: Environment, load: Load) -> tuple[Finding, ...]:
    """Say whether a machine is fit for timing now, and why not: one finding a subject."""
    return (
        _judge_busy(load),
        _judge_steal(load),
        _judge_pressure(load),
        _judge_governor(environment),
        _judge_turbo(environment),
        _judge_cpus(environment),
        _judge_hypervisor(environment),
        _judge_memory(environment, load),
        _judge_swap(load),
        _judge_hugepages(environment),
        _judge_libc(environment),
    )


def _judge_busy(load: Load) -> Finding:
    subject = "other work"
    average = "unknown" if load.load_average is None else f"{load.load_average:.2f}"
    if load.other_busy_cpus is None:
        what = f"cannot be read here (load average {average})"
        return Finding(level="warn", subject=subject, what=what, advice="look at it with top")
    what = f"{load.other_busy_cpus:.2f} CPUs busy (load average {average})"
    if load.other_busy_cpus < BUSY_WARN_CPUS:
        return Finding(level="ok", subject=subject, what=what)
    level: Level = "bad" if load.other_busy_cpus >= BUSY_BAD_CPUS else "warn"
    advice = "end other programs, or wait until they are done"
    return Finding(level=level, subject=subject, what=what, advice=advice)


def _judge_steal(load: Load) -> Finding:
    subject = "steal"
    if load.steal_share is None:
        return Finding(level="warn", subject=subject, what="cannot be read here")
    what = f"the hypervisor takes {load.steal_share:.1%} of the CPU time"
    if load.steal_share < STEAL_WARN_SHARE:
        return Finding(level="ok", subject=subject, what=what)
    level: Level = "bad" if load.steal_share >= STEAL_BAD_SHARE else "warn"
    advice = "use a machine with CPUs of its own, or compare models in one run only"
    return Finding(level=level, subject=subject, what=what, advice=advice)


def _judge_pressure(load: Load) -> Finding:
    subject = "CPU pressure"
    if load.psi_some_share is None:
        what = "the kernel keeps no count of waiting tasks"
        return Finding(level="ok", subject=subject, what=what)
    what = f"tasks wait for a CPU during {load.psi_some_share:.0%} of the time"
    if load.psi_some_share < PSI_WARN_SHARE:
        return Finding(level="ok", subject=subject, what=what)
    advice = "end other programs, or wait until they are done"
    return Finding(level="warn", subject=subject, what=what, advice=advice)


def _judge_governor(environment: Environment) -> Finding:
    subject = "governor"
    if environment.governor is None:
        return Finding(level="ok", subject=subject, what="not set by this system")
    if environment.governor == "performance":
        return Finding(level="ok", subject=subject, what="performance")
    advice = "set it with: cpupower frequency-set --governor performance"
    return Finding(level="warn", subject=subject, what=environment.governor, advice=advice)


def _judge_turbo(environment: Environment) -> Finding:
    what = {
        True: "on: the frequency depends on temperature and on the other cores",
        False: "off",
        None: "not set by this system",
    }[environment.turbo]
    return Finding(level="ok", subject="turbo", what=what)


def _judge_cpus(environment: Environment) -> Finding:
    subject, quota = "CPUs", environment.cgroup_quota_cpus
    effective, logical = environment.effective_cpus, environment.logical_cpus
    what = f"{effective} of {'unknown' if logical is None else logical} usable"
    if quota is not None and quota < effective:
        what = f"a quota of {quota:g} CPUs: every thread is stopped for part of the time"
        return Finding(level="bad", subject=subject, what=what, advice="raise the quota to 1 CPU")
    if quota is not None and (logical is None or quota < logical):
        what += f" (quota of {quota:g} CPUs)"
        advice = f"use at most {effective} threads; more are stopped when the quota is spent"
        return Finding(level="warn", subject=subject, what=what, advice=advice)
    return Finding(level="ok", subject=subject, what=what)


def _judge_hypervisor(environment: Environment) -> Finding:
    subject = "virtual machine"
    if environment.hypervisor is None:
        return Finding(level="ok", subject=subject, what="not told by this system")
    if environment.hypervisor == "none":
        return Finding(level="ok", subject=subject, what="no")
    what = f"yes ({environment.hypervisor}): neighbours and the host's frequency are out of sight"
    advice = "trust ratios within one run more than seconds across runs"
    return Finding(level="warn", subject=subject, what=what, advice=advice)


def _judge_memory(environment: Environment, load: Load) -> Finding:
    readings = load.memory_available_bytes, environment.memory_limit_bytes
    known = [reading for reading in readings if reading is not None]
    if not known:
        return Finding(level="warn", subject="memory", what="cannot be read here")
    what = f"{min(known) / 2**30:.1f} GiB available"
    if min(known) >= MEMORY_WARN_BYTES:
        return Finding(level="ok", subject="memory", what=what)
    advice = "use smaller batches, or free memory"
    return Finding(level="warn", subject="memory", what=what, advice=advice)


def _judge_swap(load: Load) -> Finding:
    if load.swap_used_bytes is None:
        return Finding(level="warn", subject="swap", what="cannot be read here")
    what = f"{load.swap_used_bytes / 2**20:.0f} MiB in use"
    if load.swap_used_bytes < SWAP_WARN_BYTES:
        return Finding(level="ok", subject="swap", what=what)
    advice = "free memory: a page that comes back from a disk costs milliseconds"
    return Finding(level="warn", subject="swap", what=what, advice=advice)


def _judge_hugepages(environment: Environment) -> Finding:
    subject, setting = "huge pages", environment.transparent_hugepages
    if setting is None:
        return Finding(level="ok", subject=subject, what="not set by this system")
    if setting != "always":
        return Finding(level="ok", subject=subject, what=setting)
    what = "always: the kernel may merge pages while a network is timed"
    advice = "compare only with results under the same setting"
    return Finding(level="warn", subject=subject, what=what, advice=advice)


def _judge_libc(environment: Environment) -> Finding:
    subject = "allocator"
    what = environment.libc or "unknown C library"
    if what.startswith("glibc"):
        return Finding(level="ok", subject=subject, what=f"{what} can be held steady")
    advice = "use a system with glibc, or measure with --allocator system"
    what += ": the steady allocator needs glibc"
    return Finding(level="warn", subject=subject, what=what, advice=advice)


def _governor(root: Path) -> str | None:
    """The governors in use, each once."""
    folder = root / "sys/devices/system/cpu"
    texts = map(read_or_none, folder.glob("cpu[0-9]*/cpufreq/scaling_governor"))
    return ",".join(sorted({text.strip() for text in texts if text})) or None


def _turbo(root: Path) -> bool | None:
    """Whether the CPU may exceed its nominal frequency."""
    folder = root / "sys/devices/system/cpu"
    if forbidden := read_or_none(folder / "intel_pstate/no_turbo"):
        return forbidden.strip() == "0"
    if boost := read_or_none(folder / "cpufreq/boost"):
        return boost.strip() == "1"
    return None


def _hypervisor(root: Path) -> str | None:
    """Maker of the virtual machine, "unnamed" where it hides, "none" on bare metal."""
    present = cpus.runs_under_hypervisor(root)
    if present is False:
        return "none"
    named = read_or_none(root / "sys/hypervisor/type")
    if present:
        # The vendor of a bare-metal ARM board stands there too, so it counts only here.
        named = named or read_or_none(root / "sys/class/dmi/id/sys_vendor") or "unnamed"
    return named.strip() if named else None


def _transparent_hugepages(root: Path) -> str | None:
    """The setting in brackets: ``always [madvise] never``."""
    text = read_or_none(root / "sys/kernel/mm/transparent_hugepage/enabled") or ""
    chosen = re.search(r"\[(\w+)\]", text)
    return chosen[1] if chosen else None


def _memory(root: Path) -> dict[str, int]:
    """``/proc/meminfo`` in bytes; what it counts in pages is left out."""
    lines = (read_or_none(root / "proc/meminfo") or "").splitlines()
    found = (re.fullmatch(r"(\w+):\s+(\d+) kB", line) for line in lines)
    return {match[1]: int(match[2]) * 1024 for match in found if match}


def _memory_limit(root: Path) -> int | None:
    """The tightest memory limit of the process's control group and all its parents, in bytes."""
    limits = []
    for folder in cpus.cgroup_folders("memory", root):
        text = read_or_none(folder / "memory.max")
        text = (text or read_or_none(folder / "memory.limit_in_bytes") or "max").strip()
        if text != "max" and int(text) < NO_LIMIT_BYTES:
            limits.append(int(text))
    return min(limits, default=None)


def _os_name(root: Path) -> str:
    """Name of the distribution, or else of the system."""
    text = read_or_none(root / "etc/os-release") or ""
    named = re.search(r'^PRETTY_NAME="?([^"\n]*)', text, re.MULTILINE)
    return named[1] if named else platform.system()


def _libc(root: Path) -> str | None:
    """The C library of this process and, for glibc, its version."""
    try:
        if version := os.confstr("CS_GNU_LIBC_VERSION"):
            return version
    except (ValueError, OSError):  # a C library that does not know the question
        pass
    return "musl" if any((root / "lib").glob("ld-musl-*")) else None


def _installed_version(package: str) -> str | None:
    """Version of an installed package, without importing it."""
    # It costs 60 ms to import, which a command that reads no environment is spared.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version(package)
    except PackageNotFoundError:
        return None
