"""What the counters say about a block, worked out by hand from made-up readings."""

import mmap
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from segbench.measurement.host.disturbance import Snapshot, between, judge, take_snapshot, together
from segbench.results.environment import Disturbance

QUIET = Disturbance(
    wall_s=1.0,
    cpu_s=1.9,
    cpu_wall_ratio=1.9,
    steal_s=0.0,
    steal_share=0.0,
    other_busy_cpus=0.02,
    psi_some_share=0.01,
    involuntary_switches=160,
    voluntary_switches=20,
    minor_faults=0,
    major_faults=0,
)
QUIET_ALONE = replace(QUIET, cpu_s=1.0, cpu_wall_ratio=1.0, involuntary_switches=5)


def snapshot(root, *, stat=None, psi_us=None, wall_s=0.0, cpu_s=0.0) -> Snapshot:
    """Write the kernel's counters below a folder and read them, at a given time."""
    (root / "proc/pressure").mkdir(parents=True, exist_ok=True)
    if stat is not None:
        (root / "proc/stat").write_text(f"cpu  {stat}\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
    if psi_us is not None:
        text = f"some avg10=1.05 avg60=0.37 avg300=0.08 total={psi_us}\nfull avg10=0.00\n"
        (root / "proc/pressure/cpu").write_text(text)
    return take_snapshot(root, clock=lambda: wall_s, cpu_clock=lambda: cpu_s)


@pytest.fixture
def hundred_ticks(monkeypatch):
    monkeypatch.setattr(os, "sysconf", lambda _: 100)


@pytest.mark.usefixtures("hundred_ticks")
def test_steal_and_foreign_work_follow_from_the_growth_of_the_machines_counters(tmp_path):
    # 2 CPUs for 2 s are 400 ticks: 250 user, 5 nice, 20 system, 80 idle, 10 iowait, 3 irq,
    # 12 softirq, 20 stolen. Busy are 250 + 5 + 20 + 3 + 12 = 290 ticks, 2.9 s.
    before = snapshot(tmp_path, stat="1000 10 100 5000 50 7 8 30 400 0", wall_s=10.0, cpu_s=3.0)
    after = snapshot(tmp_path, stat="1250 15 120 5080 60 10 20 50 999 0", wall_s=12.0, cpu_s=5.0)
    seen = between(before, after)
    assert seen.wall_s == 2.0
    assert seen.cpu_s == 2.0
    assert seen.cpu_wall_ratio == 1.0
    assert seen.steal_s == pytest.approx(0.2)
    assert seen.steal_share == pytest.approx(20 / 400)
    assert seen.other_busy_cpus == pytest.approx((2.9 - 2.0) / 2)


@pytest.mark.usefixtures("hundred_ticks")
def test_ticks_that_lag_behind_the_process_are_no_negative_foreign_work(tmp_path):
    before = snapshot(tmp_path, stat="0 0 0 0 0 0 0 0 0 0")
    after = snapshot(tmp_path, stat="19 0 0 20 0 0 0 0 0 0", wall_s=0.2, cpu_s=0.195)
    assert between(before, after).other_busy_cpus == 0.0


def test_pressure_is_the_growth_of_the_stall_time_over_the_wall_time(tmp_path):
    before = snapshot(tmp_path, psi_us=7_000_000, wall_s=1.0)
    after = snapshot(tmp_path, psi_us=7_300_000, wall_s=3.0)
    assert between(before, after).psi_some_share == pytest.approx(0.15)


def test_counters_that_the_system_lacks_are_unknown(tmp_path):
    seen = between(snapshot(tmp_path, wall_s=1.0), snapshot(tmp_path, wall_s=2.0, cpu_s=0.5))
    assert seen.steal_s is None
    assert seen.steal_share is None
    assert seen.other_busy_cpus is None
    assert seen.psi_some_share is None
    assert seen.cpu_wall_ratio == 0.5
    assert judge(replace(seen, cpu_wall_ratio=1.0), 1) == ()


def test_no_time_between_two_snapshots_leaves_the_shares_unknown(tmp_path):
    moment = snapshot(tmp_path, stat="5 0 0 5 0 0 0 0 0 0", psi_us=3, wall_s=1.0)
    seen = between(moment, moment)
    assert (seen.cpu_wall_ratio, seen.steal_share, seen.psi_some_share) == (None, None, None)


def test_faults_and_switches_are_counted_between_the_snapshots(tmp_path):
    before = snapshot(tmp_path)
    after = replace(
        before,
        involuntary_switches=before.involuntary_switches + 3,
        voluntary_switches=before.voluntary_switches + 4,
        minor_faults=before.minor_faults + 5,
        major_faults=before.major_faults + 6,
    )
    seen = between(before, after)
    assert (seen.involuntary_switches, seen.voluntary_switches) == (3, 4)
    assert (seen.minor_faults, seen.major_faults) == (5, 6)


def test_touching_new_memory_shows_as_minor_faults():
    before = take_snapshot()
    with mmap.mmap(-1, 16 * 2**20) as fresh:
        for page in range(0, len(fresh), 4096):
            fresh[page] = 1
        # 4,096 small pages, or 8 huge ones
        assert between(before, take_snapshot()).minor_faults >= 8


@pytest.mark.parametrize(("seen", "threads"), [(QUIET, 2), (QUIET_ALONE, 1)])
def test_a_quiet_block_has_no_reasons(seen, threads):
    assert judge(seen, threads) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"steal_share": 0.031, "steal_s": 0.062},
            "the hypervisor took 3.1% of the CPU time",
        ),
        ({"other_busy_cpus": 0.5}, "other processes kept 0.50 CPUs busy"),
        ({"psi_some_share": 0.27}, "tasks waited for a CPU during 27% of the time"),
        ({"cpu_wall_ratio": 0.7}, "the process computed for only 70% of the time"),
        ({"cpu_wall_ratio": 3.9}, "3.90 CPUs computed where 2 threads were asked for"),
        ({"major_faults": 4}, "4 pages were read from a disk"),
    ],
)
def test_each_disturbance_is_named(change, reason):
    assert judge(replace(QUIET, **change), 2) == (reason,)


def test_all_reasons_are_given_together():
    seen = replace(QUIET, psi_some_share=1.0, other_busy_cpus=1.0)
    assert judge(seen, 2) == (
        "other processes kept 1.00 CPUs busy",
        "tasks waited for a CPU during 100% of the time",
    )


def test_involuntary_switches_count_against_a_single_thread_only():
    seen = replace(QUIET_ALONE, involuntary_switches=120)
    assert judge(seen, 1) == ("120 involuntary context switches in 1.00 s",)
    assert judge(seen, 2) == ()


def test_one_tick_of_steal_in_a_short_block_is_no_reason():
    assert judge(replace(QUIET, wall_s=0.1, steal_s=0.01, steal_share=0.05), 2) == ()


def test_a_tick_of_foreign_work_in_a_short_block_is_no_reason():
    # 10 ms in 50 ms are 0.2 CPUs, which in a block of 1 s would be a reason.
    assert judge(replace(QUIET, wall_s=0.05, other_busy_cpus=0.2), 2) == ()
    assert judge(replace(QUIET, other_busy_cpus=0.2), 2) != ()


SHORT = Disturbance(
    wall_s=1.0,
    cpu_s=1.5,
    cpu_wall_ratio=1.5,
    steal_s=0.02,
    steal_share=0.01,
    other_busy_cpus=0.1,
    psi_some_share=0.2,
    involuntary_switches=1,
    voluntary_switches=20,
    minor_faults=300,
    major_faults=4000,
)
LONG = Disturbance(
    wall_s=3.0,
    cpu_s=6.0,
    cpu_wall_ratio=2.0,
    steal_s=0.3,
    steal_share=0.05,
    other_busy_cpus=0.5,
    psi_some_share=0.0,
    involuntary_switches=2,
    voluntary_switches=30,
    minor_faults=400,
    major_faults=5000,
)


def test_several_blocks_together_are_as_one_whose_shares_weigh_by_time():
    # Of 4 s the first block has a quarter: steal 0.25 x 1 % + 0.75 x 5 % = 4 %, and so on.
    seen = together([SHORT, LONG])
    assert (seen.wall_s, seen.cpu_s, seen.cpu_wall_ratio) == (4.0, 7.5, 1.875)
    assert seen.steal_s == pytest.approx(0.32)
    assert seen.steal_share == pytest.approx(0.04)
    assert seen.other_busy_cpus == pytest.approx(0.4)
    assert seen.psi_some_share == pytest.approx(0.05)
    assert (seen.involuntary_switches, seen.voluntary_switches) == (3, 50)
    assert (seen.minor_faults, seen.major_faults) == (700, 9000)


def test_one_block_together_is_itself():
    seen = together([LONG])
    assert replace(seen, steal_share=0.05, other_busy_cpus=0.5) == LONG
    assert (seen.steal_share, seen.other_busy_cpus) == pytest.approx((0.05, 0.5))


@pytest.mark.parametrize("name", ["steal_s", "steal_share", "other_busy_cpus", "psi_some_share"])
def test_what_one_block_could_not_see_is_unknown_of_them_together(name):
    seen = together([SHORT, replace(LONG, **{name: None})])
    assert getattr(seen, name) is None
    others = {"steal_s", "steal_share", "other_busy_cpus", "psi_some_share"} - {name}
    assert None not in {getattr(seen, other) for other in others}


def test_blocks_in_which_no_time_passed_have_no_shares():
    moment = replace(SHORT, wall_s=0.0, cpu_s=0.0, cpu_wall_ratio=None)
    seen = together([moment, moment])
    assert (seen.cpu_wall_ratio, seen.other_busy_cpus, seen.psi_some_share) == (None, None, None)


def test_ticks_that_say_nothing_in_a_short_block_are_judged_over_many():
    # 10 ms of foreign work in 50 ms of each block: 0.2 CPUs, as in a block of 1 s.
    tick = replace(QUIET, wall_s=0.05, cpu_s=0.095, other_busy_cpus=0.2, involuntary_switches=8)
    assert judge(tick, 2) == ()
    assert judge(together([tick] * 20), 2) == ("other processes kept 0.20 CPUs busy",)


def test_reading_the_machine_imports_neither_torch_nor_psutil():
    code = (
        "import sys; from segbench.measurement.host import disturbance, reading\n"
        "reading.read_environment(); disturbance.take_snapshot()\n"
        "print(sorted({'torch', 'psutil', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[]\n"
