"""The machine that results are measured on: what it is, and what it is busy with."""

import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path

from segbench.measurement.host import cpus
from segbench.measurement.host.cpus import SYSTEM, read_or_none
from segbench.measurement.host.disturbance import between, take_snapshot
from segbench.results.environment import Environment, Load

NO_LIMIT_BYTES = 2**60
"""Version 1 control groups write "no limit" as the largest number of whole pages."""


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
