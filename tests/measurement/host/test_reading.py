"""What a machine is and whether it is fit for timing, from made-up files and readings."""

import json
from dataclasses import asdict, replace

import pytest

from segbench.measurement.host.fitness import judge_fitness
from segbench.measurement.host.reading import read_environment, read_load
from segbench.results.environment import Environment, Finding, Load

BARE = Environment(
    cpu_model="AMD EPYC 7R13",
    architecture="x86_64",
    instruction_sets=("avx2", "fma"),
    logical_cpus=8,
    physical_cores=4,
    affinity_cpus=8,
    cgroup_quota_cpus=None,
    effective_cpus=8,
    governor="performance",
    turbo=False,
    hypervisor="none",
    transparent_hugepages="madvise",
    memory_total_bytes=16 * 2**30,
    memory_limit_bytes=None,
    kernel="6.1.0",
    os="Debian GNU/Linux 12 (bookworm)",
    libc="glibc 2.36",
    python="3.11.7",
    torch="2.13.0+cpu",
    segbench="0.1.0",
)
IDLE = Load(
    interval_s=1.0,
    load_average=0.05,
    other_busy_cpus=0.01,
    steal_share=0.0,
    psi_some_share=0.0,
    memory_available_bytes=12 * 2**30,
    swap_used_bytes=0,
)


def place(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def finding(subject, environment=BARE, load=IDLE) -> Finding:
    (found,) = (f for f in judge_fitness(environment, load) if f.subject == subject)
    return found


def test_settings_and_sizes_are_read_from_the_systems_files(tmp_path):
    cpu = "sys/devices/system/cpu"
    place(tmp_path, "proc/cpuinfo", "processor\t: 0\nflags\t\t: avx2 hypervisor\n\n")
    place(tmp_path, f"{cpu}/cpu0/cpufreq/scaling_governor", "schedutil\n")
    place(tmp_path, f"{cpu}/cpu1/cpufreq/scaling_governor", "performance\n")
    place(tmp_path, f"{cpu}/intel_pstate/no_turbo", "1\n")
    place(tmp_path, "sys/class/dmi/id/sys_vendor", "QEMU\n")
    place(tmp_path, "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
    place(tmp_path, "proc/meminfo", "MemTotal:    2000 kB\nHugePages_Total:       7\n")
    place(tmp_path, "proc/sys/kernel/osrelease", "6.1.0-13-amd64\n")
    place(tmp_path, "etc/os-release", 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12"\n')
    read = read_environment(tmp_path)
    assert read.governor == "performance,schedutil"
    assert read.turbo is False
    assert read.hypervisor == "QEMU"
    assert read.transparent_hugepages == "madvise"
    assert read.memory_total_bytes == 2_048_000
    assert read.kernel == "6.1.0-13-amd64"
    assert read.os == "Debian GNU/Linux 12"
    assert read.effective_cpus == 1


def test_the_tightest_memory_limit_of_all_parents_counts(tmp_path):
    place(tmp_path, "proc/self/cgroup", "0::/pod/container\n")
    place(tmp_path, "sys/fs/cgroup/pod/memory.max", "1073741824\n")
    place(tmp_path, "sys/fs/cgroup/pod/container/memory.max", "max\n")
    assert read_environment(tmp_path).memory_limit_bytes == 2**30


def test_the_largest_number_of_version_1_is_no_memory_limit(tmp_path):
    place(tmp_path, "proc/self/cgroup", "4:memory:/\n")
    place(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    assert read_environment(tmp_path).memory_limit_bytes is None


@pytest.mark.parametrize(("boost", "turbo"), [("1\n", True), ("0\n", False)])
def test_boost_of_other_cpus_than_intels_is_turbo(tmp_path, boost, turbo):
    place(tmp_path, "sys/devices/system/cpu/cpufreq/boost", boost)
    assert read_environment(tmp_path).turbo is turbo


def test_what_a_system_does_not_tell_is_none(tmp_path):
    read = read_environment(tmp_path)
    unknown = (read.cpu_model, read.governor, read.turbo, read.hypervisor, read.kernel)
    assert unknown == (None, None, None, None, None)
    assert read.memory_total_bytes is None


def test_the_environment_of_this_machine_goes_through_json_and_comes_back():
    read = read_environment()
    back = json.loads(json.dumps(asdict(read)))
    back["instruction_sets"] = tuple(back["instruction_sets"])
    assert Environment(**back) == read


def test_the_same_machine_has_no_differences():
    assert BARE.differences(replace(BARE)) == ()


def test_each_difference_is_named_with_both_values():
    other = replace(
        BARE, effective_cpus=2, turbo=True, governor=None, torch="2.14.0+cpu", python="3.12.1"
    )
    assert BARE.differences(other) == (
        "effective CPUs differ (baseline 8, candidate 2)",
        "frequency governor differs (baseline performance, candidate unknown)",
        "turbo differs (baseline off, candidate on)",
        "torch differs (baseline 2.13.0+cpu, candidate 2.14.0+cpu)",
        "Python differs (baseline 3.11.7, candidate 3.12.1)",
    )


def test_only_the_instruction_sets_that_differ_are_listed():
    other = replace(BARE, instruction_sets=("avx2", "avx512f", "avx512_vnni"))
    assert BARE.differences(other) == (
        "instruction sets differ (only baseline: fma; only candidate: avx512f avx512_vnni)",
    )


def test_unknown_instruction_sets_are_a_difference():
    assert BARE.differences(replace(BARE, instruction_sets=None)) == (
        "instruction sets differ (baseline avx2 fma, candidate unknown)",
    )


def test_updates_that_leave_the_speed_alone_are_no_difference():
    other = replace(BARE, kernel="6.1.9", python="3.11.9", os="Debian 12.5", segbench="0.2.0")
    assert BARE.differences(other) == ()


def test_the_load_is_what_the_counters_grew_by_while_this_process_slept(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda _: 100)
    place(tmp_path, "proc/stat", "cpu  100 0 0 500 0 0 0 0 0 0\n")
    place(tmp_path, "proc/loadavg", "0.52 0.24 0.15 2/83 3436\n")
    place(tmp_path, "proc/meminfo", "MemAvailable: 8 kB\nSwapTotal: 100 kB\nSwapFree: 60 kB\n")
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        # 2 CPUs for 2 s: 100 ticks of work, 280 idle, 20 stolen
        place(tmp_path, "proc/stat", "cpu  200 0 0 780 0 0 0 20 0 0\n")

    times = iter([5.0, 7.0])
    load = read_load(tmp_path, interval_s=2.0, sleep=sleep, clock=lambda: next(times))
    assert slept == [2.0]
    assert load.interval_s == 2.0
    assert load.load_average == 0.52
    # This process's own CPU time during the reading is subtracted: a few milliseconds.
    assert load.other_busy_cpus == pytest.approx(0.5, abs=0.05)
    assert load.steal_share == pytest.approx(0.05)
    assert load.psi_some_share is None
    assert load.memory_available_bytes == 8192
    assert load.swap_used_bytes == 40 * 1024


def test_an_idle_machine_of_its_own_is_fit_in_every_respect():
    assert {found.level for found in judge_fitness(BARE, IDLE)} == {"ok"}


@pytest.mark.parametrize(
    ("busy", "level"), [(0.09, "ok"), (0.1, "warn"), (0.49, "warn"), (0.5, "bad"), (2.0, "bad")]
)
def test_other_work_is_judged_by_the_cpus_it_takes(busy, level):
    found = finding("other work", load=replace(IDLE, other_busy_cpus=busy))
    assert found.level == level
    assert found.what == f"{busy:.2f} CPUs busy (load average 0.05)"


@pytest.mark.parametrize(("share", "level"), [(0.001, "ok"), (0.01, "warn"), (0.03, "bad")])
def test_steal_is_judged_by_its_share(share, level):
    assert finding("steal", load=replace(IDLE, steal_share=share)).level == level


def test_pressure_warns():
    found = finding("CPU pressure", load=replace(IDLE, psi_some_share=0.4))
    assert found.level == "warn"
    assert found.what == "tasks wait for a CPU during 40% of the time"


def test_a_governor_that_saves_power_warns_and_says_what_to_do():
    assert finding("governor", replace(BARE, governor="powersave")) == Finding(
        level="warn",
        subject="governor",
        what="powersave",
        advice="set it with: cpupower frequency-set --governor performance",
    )


def test_turbo_is_told_but_does_not_warn():
    found = finding("turbo", replace(BARE, turbo=True))
    assert found.level == "ok"
    assert found.what == "on: the frequency depends on temperature and on the other cores"


def test_a_quota_below_the_cpus_warns_of_more_threads():
    found = finding("CPUs", replace(BARE, cgroup_quota_cpus=2.5, effective_cpus=2))
    assert found.level == "warn"
    assert found.what == "2 of 8 usable (quota of 2.5 CPUs)"
    assert found.advice == "use at most 2 threads; more are stopped when the quota is spent"


def test_a_quota_below_one_cpu_is_bad():
    found = finding("CPUs", replace(BARE, cgroup_quota_cpus=0.5, effective_cpus=1))
    assert found.level == "bad"
    assert found.what == "a quota of 0.5 CPUs: every thread is stopped for part of the time"


def test_a_virtual_machine_warns():
    found = finding("virtual machine", replace(BARE, hypervisor="QEMU"))
    assert found.level == "warn"
    assert found.what.startswith("yes (QEMU)")


def test_the_memory_limit_counts_where_it_is_below_the_available_memory():
    found = finding("memory", replace(BARE, memory_limit_bytes=2**30))
    assert found.level == "warn"
    assert found.what == "1.0 GiB available"


def test_swap_in_use_warns():
    found = finding("swap", load=replace(IDLE, swap_used_bytes=300 * 2**20))
    assert found.level == "warn"
    assert found.what == "300 MiB in use"


def test_huge_pages_everywhere_warn():
    assert finding("huge pages", replace(BARE, transparent_hugepages="always")).level == "warn"


@pytest.mark.parametrize(
    ("libc", "what"),
    [
        ("musl", "musl: the steady allocator needs glibc"),
        (None, "unknown C library: the steady allocator needs glibc"),
    ],
)
def test_a_c_library_without_a_steady_allocator_warns(libc, what):
    found = finding("allocator", replace(BARE, libc=libc))
    assert found.level == "warn"
    assert found.what == what


@pytest.mark.parametrize("subject", ["other work", "steal", "memory", "swap"])
def test_what_cannot_be_read_is_not_called_fit(subject):
    nothing = Load(
        interval_s=1.0,
        load_average=None,
        other_busy_cpus=None,
        steal_share=None,
        psi_some_share=None,
        memory_available_bytes=None,
        swap_used_bytes=None,
    )
    assert finding(subject, load=nothing).level == "warn"
