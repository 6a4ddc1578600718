"""Candidates that crash, hang or cannot be had: each costs its own row, and no process is left."""

import json

import breaking_runtimes
import psutil
import pytest
from breaking_runtimes import (
    COMPARISON,
    FIRST_ROUND,
    SECOND_ROUND,
    WEIGHING,
)
from commands import segbench_here
from forked_workers import quickly

import segbench
from segbench.errors import MeasurementError, NotInstalledError, UsageError
from segbench.measurement.broken_runtimes import find_broken
from segbench.measurement.workers import stages
from segbench.results.candidate import RuntimeSpec
from segbench.results.store import load
from segbench.runtimes import RUNTIMES, Runtime

pytestmark = pytest.mark.measures

NET = "nets_for_tests:Pointwise"
SMALL = ("--size", "32x32", "--threads", "1", "--no-training")
WORKER = "the worker that measured"
LAST_WORDS = "see --debug for its last words"
KILLED = f"was killed by SIGSEGV; {LAST_WORDS}"
LEAVE_IT = "leave it out, or try a smaller --size or --batch"
LACKS = "runtime 'lacks' has no operator aten::max_unpool2d; measure it with eager"
LIMIT_S = 5.0


@pytest.fixture(autouse=True)
def breaking(zygotes, monkeypatch):
    """Let workers and this process know the runtimes, and a call take five seconds at most."""
    for name, row in breaking_runtimes.ROWS.items():
        monkeypatch.setitem(RUNTIMES, name, row)
    for stage in stages.LIMITS_S:
        monkeypatch.setitem(stages.LIMITS_S, stage, LIMIT_S)
    with quickly(zygotes, first="import breaking_runtimes; breaking_runtimes.register(); "):
        yield
    assert forks() == []


def forks():
    """Return what still runs of all that was forked from what this process has started."""
    started = psutil.Process().children()
    children = [child for process in started for child in process.children(recursive=True)]
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]


def rounds_of(latencies):
    return {block.round for block in latencies.forward.blocks}


def named(runtime, **options):
    text = ",".join([runtime, *(f"{key}={value}" for key, value in options.items())])
    return f"{NET}@{text}"


def compare(*models, **options):
    return segbench.compare(models, size=(32, 32), threads=1, repeats=1, training=False, **options)


def test_a_crash_a_hang_and_a_missing_operator_cost_their_rows_and_the_others_are_whole(tmp_path):
    crashes = named("segfaults", session=SECOND_ROUND, timed="true")
    hangs, divides = named("hangs", session=FIRST_ROUND), named("divides")
    done = segbench_here(
        *("compare", NET, crashes, hangs, divides, named("lacks"), named("sound")),
        *(*SMALL, "--repeats", "2", "--output", "a.json"),
        folder=tmp_path,
    )
    lines = {
        divides: f"in its preparation, {WORKER} {divides!r} was killed by SIGFPE; {LAST_WORDS}",
        named("lacks"): f"in its preparation, {LACKS}",
        hangs: f"in the warm-up of round 1, {WORKER} {hangs!r} gave no answer for 5 s; {LEAVE_IT}",
        crashes: f"in the timing of round 2, {WORKER} {crashes!r} {KILLED}",
    }
    found = load(tmp_path / "a.json")
    assert {each.model: each.reason for each in found.failures} == lines
    assert {each.model for each in found.failures if each.kind == "UsageError"} == {named("lacks")}
    assert [profile.label for profile in found.profiles] == [NET, named("sound")]
    assert [rounds_of(profile.latency) for profile in found.profiles] == [{0, 1}] * 2
    assert rounds_of(found.control) == {0, 1}
    assert {ratio.model for ratio in found.ratios} == {named("sound")}
    assert found.complete
    shown = " ".join(done.stdout.split())
    assert all(f"! {model}: not measured: {reason}" in shown for model, reason in lines.items())
    assert (done.returncode, done.stderr) == (5, "written to a.json\n")


def test_a_failure_before_anything_is_timed_is_told_with_its_stage():
    compared, weighed = (named("segfaults", session=each) for each in (COMPARISON, WEIGHING))
    hangs, stalls = named("hangs", session=COMPARISON), named("stalls")
    found = compare(NET, compared, weighed, hangs, stalls)
    assert {each.model: each.reason for each in found.failures} == {
        compared: f"in its comparison with eager, {WORKER} {compared!r} {KILLED}",
        weighed: f"in the weighing of its memory, {WORKER} {weighed!r} {KILLED}",
        hangs: f"in its comparison with eager, {WORKER} {hangs!r} gave no answer for 5 s; "
        f"{LEAVE_IT}",
        stalls: f"in its preparation, {WORKER} {stalls!r} was not ready after 5 s; {LEAVE_IT}",
    }
    assert [profile.label for profile in found.profiles] == [NET]
    assert rounds_of(found.profiles[0].latency) == rounds_of(found.control) == {0}


@pytest.mark.parametrize(
    ("runtime", "options", "kind", "said"),
    [
        ("lacks", {}, UsageError, f"in its preparation, {LACKS}"),
        (
            "segfaults",
            {"session": SECOND_ROUND},  # of two processes in the first round it is the second's
            MeasurementError,
            f"in the warm-up of round 1, {WORKER} '{NET}@segfaults,session=5' {KILLED}",
        ),
    ],
)
def test_where_the_baseline_fails_so_does_everything(runtime, options, kind, said):
    base = named(runtime, **options)
    with pytest.raises(kind) as caught:
        compare(base, named("sound"), baseline=base)
    assert type(caught.value) is kind
    assert str(caught.value) == f"the baseline {base!r} cannot be measured: {said}"


def test_no_file_outlives_a_run_that_fails(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    base = named("segfaults", session=COMPARISON)
    with pytest.raises(MeasurementError) as caught:  # which keeps all that led to it
        compare(base, named("sound"), baseline=base)
    assert caught.tb is not None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("profile",), ("check", "--limit", "params <= 20")])
def test_a_profile_or_a_check_of_what_crashes_ends_with_5_and_one_line(command, tmp_path):
    runtime = f"segfaults,session={COMPARISON}"
    done = segbench_here(
        *(command[0], NET, "--runtime", runtime, *command[1:], *SMALL[:-1]), folder=tmp_path
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == f"segbench: {WORKER} {NET + '@' + runtime!r} {KILLED}\n"


ABSENT = (
    "runtime 'rare' needs not_here, which is not installed here; install it with: pip install "
    "'segbench[rare]'"
)


@pytest.fixture
def few(monkeypatch):
    """Let there be few runtimes: eager, one that is absent, one that lacks an operator."""
    for name in set(RUNTIMES) - {"eager", "sound", "lacks"}:
        monkeypatch.delitem(RUNTIMES, name)
    rare = Runtime("x:y", packages=("not_here",), extra="rare")
    monkeypatch.setitem(RUNTIMES, "rare", rare)


@pytest.mark.usefixtures("few")
def test_what_is_absent_or_lacks_an_operator_is_a_row_and_no_failure_among_all(tmp_path):
    done = segbench_here(
        *("compare", NET, "--runtime", "all", "--repeats", "1", *SMALL, "--format", "json"),
        "--debug",
        folder=tmp_path,
    )
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert [(each["model"], each["reason"], each["is_named"]) for each in found["failures"]] == [
        (named("rare"), ABSENT, False),
        (named("lacks"), f"in its preparation, {LACKS}", False),
    ]
    assert [profile["candidate"]["runtime"]["name"] for profile in found["profiles"]] == [
        "eager",
        "sound",
    ]
    assert f"{named('lacks')}: in its preparation, {LACKS}\nTraceback" in done.stderr


@pytest.mark.usefixtures("few")
def test_what_is_absent_and_named_is_a_row_that_ends_with_2(tmp_path):
    done = segbench_here(
        *("compare", NET, named("rare"), named("sound"), "--repeats", "1", *SMALL),
        folder=tmp_path,
    )
    assert done.returncode == 2
    assert f"! {named('rare')}: not measured: {ABSENT}" in " ".join(done.stdout.split())
    with pytest.raises(NotInstalledError) as caught:
        compare(named("rare"), NET, baseline=named("rare"))
    assert str(caught.value) == ABSENT


def test_runtimes_that_are_broken_here_are_found_with_their_lines():
    tried = [RuntimeSpec(name) for name in ("divides", "sound", "lacks")]
    found = find_broken(tried, model=NET, size=(32, 32))
    assert list(found) == [tried[0], tried[2]]
    assert "was killed by SIGFPE" in found[tried[0]]
    assert found[tried[2]] == f"in its preparation, {LACKS}"
