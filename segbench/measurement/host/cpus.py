"""CPUs of a machine, and how many of them this process may really use.

Every function reads below ``root``, so that the files of another machine can stand in for this
one's, and returns ``None`` for what those files do not tell.
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

SYSTEM = Path("/")

INSTRUCTION_SETS = (
    *("sse4_2", "avx", "avx2", "fma", "f16c"),
    *("avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"),
    *("avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("avx_vnni", "avx_vnni_int8", "avx_ne_convert"),
    *("amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
    *("asimd", "asimdhp", "asimddp", "i8mm", "bf16"),
    *("sve", "svei8mm", "svebf16", "sve2", "sme"),
)
"""Those that kernels of inference libraries are chosen by, as ``/proc/cpuinfo`` names them."""

ARM_IMPLEMENTER = "0x41"
ARM_PARTS = {
    "0xd03": "Cortex-A53",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
}
"""Names of Arm's own designs: the kernel prints a number only."""


def effective_cpus(root: Path = SYSTEM) -> int:
    """How many threads of this process can compute at a time, at least 1.

    The smallest of the online CPUs, the CPUs that the process may run on, and the control groups'
    quota rounded down. Down, because a quota stops the whole process once it is spent: with a
    quota of 1.5 CPUs, two threads run for three quarters of each period and stand still for the
    rest, and a latency then depends on where in the period a call begins.
    """
    quota = cgroup_quota_cpus(root)
    limits = (online_cpus(root), affinity_cpus(root), None if quota is None else int(quota))
    known = [limit for limit in limits if limit is not None]
    return max(1, min(known, default=os.cpu_count() or 1))


def online_cpus(root: Path = SYSTEM) -> int | None:
    """Number of logical CPUs that are switched on."""
    online = _online(root)
    return None if online is None else len(online)


def affinity_cpus(root: Path = SYSTEM) -> int | None:
    """Number of online CPUs that this process may run on (``taskset``, cpusets)."""
    status = read_or_none(root / "proc/self/status") or ""
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "Cpus_allowed_list":
            allowed = parse_cpu_list(value)
            online = _online(root)
            return len(allowed if online is None else allowed & online)
    return None


def cgroup_quota_cpus(root: Path = SYSTEM) -> float | None:
    """The tightest CPU quota of the process's control group and all its parents, in CPUs."""
    quotas = []
    for folder in cgroup_folders("cpu", root):
        if both := read_or_none(folder / "cpu.max"):
            quota, period = both.split()
        else:
            quota = (read_or_none(folder / "cpu.cfs_quota_us") or "-1").strip()
            period = read_or_none(folder / "cpu.cfs_period_us") or "100000"
        if quota not in ("max", "-1"):
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def cgroup_folders(controller: str, root: Path = SYSTEM) -> tuple[Path, ...]:
    """Folders of the process's control groups, each followed by its parents.

    Covers version 1, version 2 and both at once: the caller looks for the files of either.

    Args:
        controller: name in version 1 ("cpu", "memory"); in version 2 one tree serves them all.
        root: folder that stands for the system's root.
    """
    folders = []
    for line in (read_or_none(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        for top, mount_point in _cgroup_mounts(controller if controllers else None, root):
            inner = PurePosixPath(path)
            # A container sees its own group as the top of the mount, or is shown a path outside.
            inside = inner.is_relative_to(top) and ".." not in inner.parts
            relative = inner.relative_to(top) if inside else PurePosixPath()
            folders += [mount_point / part for part in (relative, *relative.parents)]
    return tuple(dict.fromkeys(folders))


def cpu_model(root: Path = SYSTEM) -> str | None:
    """Name of the CPU; where a machine has several kinds of core, all of them."""
    names = dict.fromkeys(map(_model_name, _processors(root)))
    return " + ".join(name for name in names if name) or None


def instruction_sets(root: Path = SYSTEM) -> tuple[str, ...] | None:
    """Those of `INSTRUCTION_SETS` that every CPU has, in that order."""
    offered = [
        frozenset(flags.split())
        for processor in _processors(root)
        if (flags := processor.get("flags", processor.get("Features"))) is not None
    ]
    if not offered:
        return None
    common = frozenset.intersection(*offered)
    return tuple(name for name in INSTRUCTION_SETS if name in common)


def physical_cores(root: Path = SYSTEM) -> int | None:
    """Number of cores behind the online CPUs; two hardware threads of a core count as one."""
    topologies = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/topology")
    siblings = [
        read_or_none(folder / "core_cpus_list") or read_or_none(folder / "thread_siblings_list")
        for folder in topologies
    ]
    cores = {text.strip() for text in siblings if text}
    # Fallback: x86 kernels repeat the topology in /proc/cpuinfo.
    cores = cores or {
        f"{processor['physical id']} {processor['core id']}"
        for processor in _processors(root)
        if "physical id" in processor and "core id" in processor
    }
    return len(cores) or None


def runs_under_hypervisor(root: Path = SYSTEM) -> bool | None:
    """Whether the CPU says that a hypervisor is present; only x86 CPUs tell."""
    flags = [p["flags"].split() for p in _processors(root) if "flags" in p]
    return any("hypervisor" in names for names in flags) if flags else None


def parse_cpu_list(text: str) -> frozenset[int]:
    """Read the kernel's list of CPUs.

    >>> sorted(parse_cpu_list("0-2,7"))
    [0, 1, 2, 7]
    """
    cpus: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def read_or_none(path: Path) -> str | None:
    """Text of a file, or ``None`` where it is missing or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _online(root: Path) -> frozenset[int] | None:
    """The online CPUs by number."""
    if listed := read_or_none(root / "sys/devices/system/cpu/online"):
        return parse_cpu_list(listed)
    return frozenset(int(p["processor"]) for p in _processors(root)) or None


def _cgroup_mounts(controller: str | None, root: Path) -> Iterator[tuple[str, Path]]:
    """Where a hierarchy is mounted, and which of its groups is the top of that mount."""
    found = False
    for line in (read_or_none(root / "proc/self/mountinfo") or "").splitlines():
        mount, _, filesystem = line.partition(" - ")
        top, mount_point = mount.split()[3:5]
        kind, _, options = filesystem.split(maxsplit=2)
        wanted = (
            kind == "cgroup2"
            if controller is None
            else kind == "cgroup" and controller in options.split(",")
        )
        if wanted:
            found = True
            yield top, root / mount_point.lstrip("/")
    if not found:
        yield "/", root / "sys/fs/cgroup" / (controller or "")


def _processors(root: Path) -> list[dict[str, str]]:
    """The sections of ``/proc/cpuinfo`` that describe a CPU each."""
    sections = (read_or_none(root / "proc/cpuinfo") or "").split("\n\n")
    tables = (
        {
            name.strip(): value.strip()
            for name, _, value in (line.partition(":") for line in section.splitlines())
        }
        for section in sections
    )
    return [table for table in tables if "processor" in table]


def _model_name(processor: dict[str, str]) -> str | None:
    """Name of one CPU; ARM kernels give numbers for its maker and its design."""
    if name := processor.get("model name"):
        return name
    implementer, part = processor.get("CPU implementer"), processor.get("CPU part")
    if implementer is None or part is None:
        return None
    if implementer == ARM_IMPLEMENTER and part in ARM_PARTS:
        return ARM_PARTS[part]
    return f"ARM implementer {implementer} part {part}"
