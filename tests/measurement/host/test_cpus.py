"""Which CPUs there are and how many may be used, read from the files of made-up machines."""

from pathlib import Path

import pytest

from segbench.measurement.host.cpus import (
    affinity_cpus,
    cgroup_quota_cpus,
    cpu_model,
    effective_cpus,
    instruction_sets,
    online_cpus,
    physical_cores,
    runs_under_hypervisor,
)

V2_MOUNT = "30 23 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNT = "33 31 0:30 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"

X86 = """\
processor\t: {number}
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz
physical id\t: {package}
core id\t\t: {core}
flags\t\t: fpu sse2 fma sse4_2 avx f16c {flags}avx512f avx512_vnni
bogomips\t: 5800.00
power management:

"""

ARM = """\
processor\t: {number}
BogoMIPS\t: 243.75
Features\t: fp asimd evtstrm aes {features}asimddp
CPU implementer\t: {implementer}
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: {part}
CPU revision\t: 1

"""


def place(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def machine(tmp_path):
    """Eight CPUs that are online and allowed, without control groups."""
    place(tmp_path, "sys/devices/system/cpu/online", "0-7\n")
    place(tmp_path, "proc/self/status", "Name:\tpython\nCpus_allowed_list:\t0-7\n")
    return tmp_path


def test_without_any_limit_all_online_cpus_are_effective(machine):
    assert cgroup_quota_cpus(machine) is None
    assert effective_cpus(machine) == 8


def test_a_version_2_quota_is_its_microseconds_over_its_period(machine):
    place(machine, "proc/self/mountinfo", V2_MOUNT)
    place(machine, "proc/self/cgroup", "0::/job\n")
    place(machine, "sys/fs/cgroup/job/cpu.max", "300000 100000\n")
    assert cgroup_quota_cpus(machine) == 3.0
    assert effective_cpus(machine) == 3


def test_a_quota_of_max_is_no_quota(machine):
    place(machine, "proc/self/mountinfo", V2_MOUNT)
    place(machine, "proc/self/cgroup", "0::/job\n")
    place(machine, "sys/fs/cgroup/job/cpu.max", "max 100000\n")
    assert cgroup_quota_cpus(machine) is None
    assert effective_cpus(machine) == 8


def test_a_tighter_quota_of_a_parent_counts(machine):
    place(machine, "proc/self/mountinfo", V2_MOUNT)
    place(machine, "proc/self/cgroup", "0::/kubepods/pod/container\n")
    place(machine, "sys/fs/cgroup/kubepods/cpu.max", "max 100000\n")
    place(machine, "sys/fs/cgroup/kubepods/pod/cpu.max", "100000 50000\n")
    place(machine, "sys/fs/cgroup/kubepods/pod/container/cpu.max", "600000 100000\n")
    assert cgroup_quota_cpus(machine) == 2.0
    assert effective_cpus(machine) == 2


def test_the_quota_of_a_sibling_does_not_count(machine):
    place(machine, "proc/self/mountinfo", V2_MOUNT)
    place(machine, "proc/self/cgroup", "0::/pod/mine\n")
    place(machine, "sys/fs/cgroup/pod/other/cpu.max", "100000 100000\n")
    place(machine, "sys/fs/cgroup/pod/mine/cpu.max", "500000 100000\n")
    assert effective_cpus(machine) == 5


def test_a_version_2_quota_is_found_without_a_table_of_mounts(machine):
    place(machine, "proc/self/cgroup", "0::/\n")
    place(machine, "sys/fs/cgroup/cpu.max", "400000 100000\n")
    assert effective_cpus(machine) == 4


def test_a_version_1_quota_is_read_from_the_cpu_controllers_mount(machine):
    place(machine, "proc/self/mountinfo", V1_MOUNT.format(top="/"))
    place(machine, "proc/self/cgroup", "5:memory:/job\n4:cpu,cpuacct:/job\n0::/\n")
    place(machine, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "200000\n")
    place(machine, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "50000\n")
    assert cgroup_quota_cpus(machine) == 4.0
    assert effective_cpus(machine) == 4


def test_a_version_1_quota_of_minus_one_is_no_quota(machine):
    place(machine, "proc/self/mountinfo", V1_MOUNT.format(top="/"))
    place(machine, "proc/self/cgroup", "4:cpu,cpuacct:/job\n")
    place(machine, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n")
    place(machine, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n")
    assert cgroup_quota_cpus(machine) is None


def test_a_container_that_sees_the_hosts_path_reads_its_own_mount(machine):
    place(machine, "proc/self/mountinfo", V1_MOUNT.format(top="/docker/0a1b"))
    place(machine, "proc/self/cgroup", "4:cpu,cpuacct:/docker/0a1b\n")
    place(machine, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000\n")
    place(machine, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
    assert effective_cpus(machine) == 3


@pytest.mark.parametrize(("top", "path"), [("/", "/../task"), ("/docker/0a1b", "/elsewhere")])
def test_a_group_outside_the_mount_leaves_the_quota_at_its_top(machine, top, path):
    place(machine, "proc/self/mountinfo", V1_MOUNT.format(top=top))
    place(machine, "proc/self/cgroup", f"4:cpu,cpuacct:{path}\n")
    place(machine, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n")
    place(machine, "sys/fs/cgroup/task/cpu.cfs_quota_us", "100000\n")
    assert effective_cpus(machine) == 2


def test_the_tighter_of_both_versions_counts_where_both_are_mounted(machine):
    place(machine, "proc/self/mountinfo", V1_MOUNT.format(top="/") + V2_MOUNT)
    place(machine, "proc/self/cgroup", "4:cpu,cpuacct:/job\n0::/job\n")
    place(machine, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "500000\n")
    place(machine, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n")
    place(machine, "sys/fs/cgroup/job/cpu.max", "600000 100000\n")
    assert effective_cpus(machine) == 5


@pytest.mark.parametrize(("quota", "expected"), [("290000", 2), ("150000", 1), ("50000", 1)])
def test_a_fractional_quota_is_rounded_down_but_not_below_one(machine, quota, expected):
    place(machine, "proc/self/cgroup", "0::/\n")
    place(machine, "sys/fs/cgroup/cpu.max", f"{quota} 100000\n")
    assert effective_cpus(machine) == expected


def test_an_affinity_smaller_than_the_quota_counts(machine):
    place(machine, "proc/self/status", "Cpus_allowed:\t0b\nCpus_allowed_list:\t0-1,3\n")
    place(machine, "proc/self/cgroup", "0::/\n")
    place(machine, "sys/fs/cgroup/cpu.max", "500000 100000\n")
    assert affinity_cpus(machine) == 3
    assert effective_cpus(machine) == 3


def test_allowed_cpus_that_are_switched_off_do_not_count(machine):
    place(machine, "sys/devices/system/cpu/online", "0,2-3\n")
    place(machine, "proc/self/status", "Cpus_allowed_list:\t2-7\n")
    assert online_cpus(machine) == 3
    assert affinity_cpus(machine) == 2


def test_a_system_that_tells_nothing_leaves_what_python_counts(tmp_path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert online_cpus(tmp_path) is None
    assert affinity_cpus(tmp_path) is None
    assert effective_cpus(tmp_path) == 6


def test_an_x86_cpu_is_read_from_cpuinfo(tmp_path):
    sections = [
        X86.format(number=0, package=0, core=0, flags="avx2 hypervisor "),
        X86.format(number=1, package=0, core=0, flags="avx2 hypervisor "),
        X86.format(number=2, package=1, core=0, flags="avx2 hypervisor "),
    ]
    place(tmp_path, "proc/cpuinfo", "".join(sections))
    assert cpu_model(tmp_path) == "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz"
    assert instruction_sets(tmp_path) == (
        *("sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni"),
    )
    assert online_cpus(tmp_path) == 3
    assert physical_cores(tmp_path) == 2
    assert runs_under_hypervisor(tmp_path) is True


def test_an_instruction_set_that_one_core_lacks_is_not_offered(tmp_path):
    both = X86.format(number=0, package=0, core=0, flags="avx2 ")
    place(tmp_path, "proc/cpuinfo", both + X86.format(number=1, package=0, core=1, flags=""))
    assert instruction_sets(tmp_path) == ("sse4_2", "avx", "fma", "f16c", "avx512f", "avx512_vnni")
    assert runs_under_hypervisor(tmp_path) is False


def test_an_arm_cpu_is_named_by_its_part(tmp_path):
    known = ARM.format(number=0, features="sve ", implementer="0x41", part="0xd40")
    place(tmp_path, "proc/cpuinfo", known)
    assert cpu_model(tmp_path) == "Neoverse-V1"
    assert instruction_sets(tmp_path) == ("asimd", "asimddp", "sve")
    assert physical_cores(tmp_path) is None
    assert runs_under_hypervisor(tmp_path) is None


def test_an_unknown_arm_part_is_given_by_number_and_two_kinds_of_core_by_both_names(tmp_path):
    little = ARM.format(number=0, features="", implementer="0x41", part="0xd03")
    big = ARM.format(number=1, features="", implementer="0x48", part="0xd01")
    place(tmp_path, "proc/cpuinfo", little + big)
    assert cpu_model(tmp_path) == "Cortex-A53 + ARM implementer 0x48 part 0xd01"


def test_two_hardware_threads_of_a_core_are_one_physical_core(tmp_path):
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        folder = f"sys/devices/system/cpu/cpu{cpu}/topology"
        place(tmp_path, f"{folder}/core_cpus_list", f"{siblings}\n")
    assert physical_cores(tmp_path) == 2


def test_no_cpuinfo_means_unknown(tmp_path):
    assert cpu_model(tmp_path) is None
    assert instruction_sets(tmp_path) is None
