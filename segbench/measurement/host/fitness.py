"""Fitness of a machine for timing: a judgement of readings alone."""

from segbench.results.environment import Environment, Finding, Level, Load

BUSY_WARN_CPUS = 0.1
"""Foreign work that a quiet machine stays below, in CPUs."""

BUSY_BAD_CPUS = 0.5
"""Foreign work that moves a two-thread latency by more than a comparison is meant to see."""

STEAL_WARN_SHARE = 0.005
STEAL_BAD_SHARE = 0.02
"""Stolen CPU time: a tenth, and nearly half, of the 5 % difference that must be seen."""

PSI_WARN_SHARE = 0.05
"""Share of the time with a task waiting for a CPU, while this process sleeps."""

MEMORY_WARN_BYTES = 4 * 2**30
"""FCN-8s, the largest network of the zoo, adds 2.8 GiB in a training step at 1x3x224x224."""

SWAP_WARN_BYTES = 64 * 2**20
"""Swap that is more than pages which nobody has touched since the machine started."""


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
