"""Results are written whole, into what they were meant for, and over nothing else."""

import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from made_up_results import make_profile

from segbench.cli import main
from segbench.results.store import load, save


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(make_profile(), "good.json")
    return tmp_path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def start(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "segbench", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_pipe_is_written_into_and_stays_one(capsys):
    os.mkfifo("pipe.json")
    heard = []
    reader = threading.Thread(target=lambda: heard.append(Path("pipe.json").read_text()))
    reader.start()
    assert run(capsys, "report", "good.json", "--output", "pipe.json", "--force")[0] == 0
    reader.join(timeout=10)
    assert stat.S_ISFIFO(Path("pipe.json").stat().st_mode)
    assert json.loads(heard[0])["schema"] == "segbench/profile/1"


def test_a_device_is_written_into_and_stays_one(capsys):
    Path("nothing.json").symlink_to("/dev/null")
    before = Path("/dev/null").stat()
    assert run(capsys, "report", "good.json", "--output", "nothing.json", "--force")[0] == 0
    assert Path("nothing.json").is_symlink()
    after = Path("/dev/null").stat()
    assert (after.st_ino, stat.S_ISCHR(after.st_mode)) == (before.st_ino, True)


def test_standard_output_by_name_gets_the_result_even_where_it_is_a_file():
    Path("output.json").symlink_to("/proc/self/fd/1")  # as /dev/stdout is, where there is one
    with Path("all.txt").open("w") as file:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "segbench",
                "report",
                "good.json",
                "--format",
                "json",
                "--output",
                "output.json",
                "--force",
            ],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    text = Path("all.txt").read_text()
    assert text.startswith('{\n "schema": "segbench/profile/1"')
    assert "size and work" in text  # the table, after it


def test_a_link_stays_one_and_what_it_leads_to_is_written(capsys, tmp_path):
    (tmp_path / "kept").mkdir()
    Path("kept/old.json").write_text("old")
    Path("link.json").symlink_to("kept/old.json")
    Path("new.json").symlink_to("kept/new.json")  # which does not exist yet
    for name in ("link.json", "new.json"):
        assert run(capsys, "report", "good.json", "--output", name, "--force")[0] == 0
        assert Path(name).is_symlink()
    assert load("kept/old.json") == load("kept/new.json") == make_profile()
    assert sorted(path.name for path in Path("kept").iterdir()) == ["new.json", "old.json"]


def test_a_link_that_another_has_put_at_a_partial_name_is_not_written_through(capsys, tmp_path):
    """Partial files have no name, or one that nobody can foresee."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for name in (".out.json.part", "out.json.part", ".out.json.tmp", "out.json.tmp"):
        Path(name).symlink_to(victim)
    assert run(capsys, "report", "good.json", "--output", "out.json")[0] == 0
    assert victim.read_text() == "mine"
    assert load("out.json") == make_profile()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (f"{'x' * 300}.json", "file name too long"),
        ("loop.json", "too many levels of symbolic links"),
    ],
)
def test_a_name_that_no_file_can_have_is_one_line(capsys, name, reason):
    Path("loop.json").symlink_to("loop.json")
    code, out, said = run(capsys, "report", "good.json", "--output", name)
    assert (code, out) == (2, "")
    assert said == f"segbench: cannot write {name!r}: {reason}\n"


def test_one_file_under_two_names_is_refused(capsys):
    code, _, said = run(capsys, "report", "good.json", "--output", "a.json", "--output", "./a.json")
    assert code == 2
    assert said == "segbench: 'a.json' is named twice with --output; name it once\n"
    assert not Path("a.json").exists()


@pytest.mark.measures
def test_the_second_of_two_that_would_write_one_file_is_refused_before_it_measures():
    measuring = ("profile", "segfast", "--size", "32x32", "--no-training", "--output", "one.json")
    first = start(*measuring, "--repeats", "30")
    try:
        until = time.monotonic() + 30
        while "@segbench-" not in Path("/proc/net/unix").read_text() and time.monotonic() < until:
            time.sleep(0.05)
        second = start(*measuring, "--repeats", "1")
        _, said = second.communicate(timeout=120)
        assert second.returncode == 2
        assert said == (
            "segbench: another segbench is about to write 'one.json'; name another file\n"
        )
        assert not Path("one.json").exists()
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()


def test_a_result_that_appears_while_it_is_measured_is_not_replaced(capsys, monkeypatch):
    from segbench.results import store

    whole = store.from_json

    def meanwhile(*arguments, **options):
        Path("late.json").write_text("somebody else's")
        return whole(*arguments, **options)

    monkeypatch.setattr(store, "from_json", meanwhile)
    code, _, said = run(capsys, "report", "good.json", "--output", "late.json")
    assert code == 2
    assert said == "segbench: 'late.json' exists already; choose another name or add --force\n"
    assert Path("late.json").read_text() == "somebody else's"
