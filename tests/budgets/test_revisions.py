"""Trees of two revisions from real repositories, and what workers import from them."""

import contextlib
import itertools
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import segbench_here
from processes_for_tests import SUPPORT, is_gone, wait_until
from tasks import make_task

from segbench.budgets.git import find_revision, find_top
from segbench.budgets.revisions import (
    check_out,
    check_out_working_tree,
    import_roots,
    run_setup,
    trees,
)
from segbench.errors import MeasurementError, UsageError
from segbench.measurement.settings import Settings
from segbench.measurement.workers.child_program import child_program, holds_zoo, import_path
from segbench.measurement.workers.protocol import Task, decode, encode
from segbench.measurement.workers.supervisor import Question, ask_once
from segbench.results.check import Revision

PROJECT = Path(__file__).parents[2]
PATIENCE_S = 30.0
ALONE = {  # git with no settings but these
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_OPTIONAL_LOCKS": "0",  # `git status` is not to refresh the index that it looks at
}
NETS = """from torch import nn

WIDTH = {width}


class Tiny(nn.Sequential):
    def __init__(self, classes: int = 5) -> None:
        super().__init__(nn.Conv2d(3, WIDTH, 1), nn.Conv2d(WIDTH, classes, 1))
"""


def git(repository, *arguments):
    done = subprocess.run(
        [shutil.which("git"), "-C", str(repository), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | ALONE,
    )
    return done.stdout


@pytest.fixture(autouse=True)
def _no_hook_and_no_settings(monkeypatch):
    """Run as outside of any hook, and without the settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Make a folder of its own for all temporary files, to see what is left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def commit(repository, files, message="a change"):
    write(repository, files)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", message)
    return git(repository, "rev-parse", "HEAD").strip()


def new_repository(folder):
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.fixture
def repository(tmp_path):
    """Make a repository with one commit of a package whose network is 4 wide."""
    folder = new_repository(tmp_path / "repository")
    commit(
        folder,
        {
            ".gitignore": "__pycache__/\n*.log\n",
            "mypkg/__init__.py": "",
            "mypkg/nets.py": NETS.format(width=4),
        },
    )
    return folder


def files_in(folder):
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def state_of(repository):
    """Return every file of .git with its bytes, and what git says of the working tree."""
    store = repository / ".git"
    content = {name: (store / name).read_bytes() for name in files_in(store)}
    return content, git(repository, "status", "--porcelain")


# What is written


def test_a_revision_is_written_as_it_was_committed(repository, tmp_path):
    first = git(repository, "rev-parse", "HEAD").strip()
    commit(repository, {"mypkg/nets.py": NETS.format(width=8), "mypkg/more.py": ""})
    found = check_out("HEAD~1", tmp_path / "old", repository=repository)
    assert found == Revision("HEAD~1", first)
    assert files_in(tmp_path / "old") == {".gitignore", "mypkg/__init__.py", "mypkg/nets.py"}
    assert "WIDTH = 4" in (tmp_path / "old/mypkg/nets.py").read_text()


@pytest.mark.parametrize("kind", ["lightweight", "annotated"])
def test_a_tag_stands_for_its_commit(repository, tmp_path, kind):
    head = git(repository, "rev-parse", "HEAD").strip()
    git(repository, "tag", *(["-m", "one"] if kind == "annotated" else []), "v1")
    assert check_out("v1", tmp_path / "old", repository=repository) == Revision("v1", head)


def test_the_working_tree_is_written_with_all_that_is_not_committed(repository, tmp_path):
    commit(repository, {"gone.py": "", "staged_away.py": ""})
    write(
        repository,
        {
            "mypkg/nets.py": NETS.format(width=8),
            "staged.py": "staged",
            "new folder/untracked\n.py": "new",
            "noise.log": "ignored",
        },
    )
    git(repository, "add", "staged.py")
    git(repository, "rm", "-q", "--cached", "staged_away.py")
    (repository / "gone.py").unlink()
    check_out_working_tree(tmp_path / "new", repository=repository)
    assert files_in(tmp_path / "new") == {
        ".gitignore",
        "mypkg/__init__.py",
        "mypkg/nets.py",
        "new folder/untracked\n.py",
        "staged.py",
        "staged_away.py",  # untracked again, and not ignored
    }
    assert "WIDTH = 8" in (tmp_path / "new/mypkg/nets.py").read_text()


def test_links_and_modes_are_kept_in_both(repository, tmp_path):
    write(repository, {"run.sh": "#!/bin/sh\n"})
    (repository / "run.sh").chmod(0o755)
    (repository / "link.py").symlink_to("mypkg/nets.py")
    (repository / "nowhere").symlink_to("missing")
    commit(repository, {})
    check_out("main", tmp_path / "old", repository=repository)
    check_out_working_tree(tmp_path / "new", repository=repository)
    for folder in (tmp_path / "old", tmp_path / "new"):
        assert (folder / "link.py").readlink() == Path("mypkg/nets.py")
        assert (folder / "nowhere").readlink() == Path("missing")
        assert stat.S_IMODE((folder / "run.sh").stat().st_mode) & 0o100
        assert not stat.S_IMODE((folder / "mypkg/nets.py").stat().st_mode) & 0o100


def test_a_tracked_folder_that_became_a_link_is_written_as_the_link(repository, tmp_path):
    outside = tmp_path / "outside"
    shutil.move(repository / "mypkg", outside)
    (repository / "mypkg").symlink_to("../outside")
    before = (outside / "nets.py").read_text()
    check_out_working_tree(tmp_path / "new", repository=repository)
    assert files_in(tmp_path / "new") == {".gitignore", "mypkg"}
    assert (tmp_path / "new/mypkg").readlink() == Path("../outside")
    assert (outside / "nets.py").read_text() == before


def test_line_ends_are_those_that_the_revisions_own_attributes_ask_for(repository, tmp_path):
    commit(repository, {".gitattributes": "*.txt eol=crlf\n", "a.txt": "one\n"})
    commit(repository, {".gitattributes": "*.txt eol=lf\n"})
    check_out("HEAD~1", tmp_path / "old", repository=repository)
    assert (tmp_path / "old/a.txt").read_bytes() == b"one\r\n"


def test_bytecode_that_lies_in_the_working_tree_does_not_fit_the_copy(repository, tmp_path):
    os.utime(repository / "mypkg/nets.py", (10**9, 10**9))
    check_out_working_tree(tmp_path / "new", repository=repository)
    assert (tmp_path / "new/mypkg/nets.py").stat().st_mtime > 10**9


def test_a_submodule_is_left_out_of_both_and_named(repository, tmp_path):
    part = new_repository(tmp_path / "part")
    commit(part, {"part.py": ""})
    git(
        repository,
        *("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(part), "vendor/part"),
    )
    commit(repository, {})
    with trees("HEAD", repository=repository) as both:
        assert both.left_out == ("vendor/part",)
        for tree in (both.working, both.against):
            assert "vendor/part/part.py" not in files_in(tree.folder)
            assert ".gitmodules" in files_in(tree.folder)


def test_a_linked_worktree_is_a_repository_too(repository, tmp_path):
    git(repository, "worktree", "add", "-q", str(tmp_path / "linked"))
    write(tmp_path / "linked", {"mypkg/nets.py": NETS.format(width=8)})
    with trees("main", repository=tmp_path / "linked") as both:
        assert "WIDTH = 8" in (both.working.folder / "mypkg/nets.py").read_text()
        assert "WIDTH = 4" in (both.against.folder / "mypkg/nets.py").read_text()


# What the repository keeps


def test_a_repository_is_exactly_as_before(repository, temporary):
    commit(repository, {"gone.py": ""})
    write(repository, {"mypkg/nets.py": NETS.format(width=8), "new.py": "", "staged.py": "1"})
    git(repository, "add", "staged.py")
    (repository / "gone.py").unlink()
    # Each of these would leave a trace: parts of the index in .git, and whatever a hook does.
    git(repository, "config", "core.splitIndex", "true")
    hook = repository / ".git/hooks/post-index-change"
    hook.write_text('#!/bin/sh\necho ran > "$(git rev-parse --git-common-dir)/ran"\n')
    hook.chmod(0o755)
    before = state_of(repository)
    files = files_in(repository)
    with trees("HEAD~1", repository=repository):
        assert state_of(repository) == before
    assert state_of(repository) == before
    assert files_in(repository) == files
    assert before[1] == " D gone.py\n M mypkg/nets.py\nA  staged.py\n?? new.py\n"
    assert list(temporary.iterdir()) == []


def test_variables_that_git_sets_for_its_hooks_do_not_lead_elsewhere(
    repository, tmp_path, monkeypatch
):
    other = new_repository(tmp_path / "other")
    commit(other, {"other.py": ""})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other / ".git/objects"))
    monkeypatch.setenv("GIT_PREFIX", "mypkg/")
    with trees("main", repository=repository) as both:
        assert "mypkg/nets.py" in files_in(both.working.folder)
        assert "mypkg/nets.py" in files_in(both.against.folder)


def test_temporary_files_inside_the_repository_are_no_part_of_it(repository, monkeypatch):
    inside = repository / "temporary"
    inside.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(inside))
    with trees("main", repository=repository) as both:
        assert both.working.folder.is_relative_to(inside)
        assert files_in(both.working.folder) == files_in(both.against.folder)


def fail_beside_the_trees(repository, temporary):
    with trees("main", repository=repository) as both:
        assert both.working.folder.is_relative_to(temporary)
        raise ZeroDivisionError


def test_both_folders_go_when_something_fails(repository, temporary):
    with pytest.raises(ZeroDivisionError):
        fail_beside_the_trees(repository, temporary)
    assert list(temporary.iterdir()) == []


# A filter that git waits for while it writes the files of the revision: so there is a middle.
SLOW_FILTER = "echo > {marker}; exec sleep 60"
WRITER = """
import sys
from pathlib import Path
from segbench.budgets.revisions import trees
with trees("main", repository=Path(sys.argv[1])):
    print("both are there", flush=True)
    sys.stdin.read()
"""


def start_writer(repository):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(repository)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_for(path):
    limit = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def slow_repository(repository, tmp_path):
    """Make a repository of which one file takes a minute to be written; return its marker too."""
    marker = tmp_path / "marker"
    commit(repository, {".gitattributes": "*.slow filter=slow\n", "a.slow": "1", "z.py": ""})
    git(repository, "config", "filter.slow.smudge", SLOW_FILTER.format(marker=marker))
    return repository, marker


def test_a_kill_in_the_middle_leaves_the_repository_whole(slow_repository, temporary):
    repository, marker = slow_repository
    before = state_of(repository)
    process = start_writer(repository)
    try:
        wait_for(marker)
    finally:
        end(process)
    assert process.returncode == -signal.SIGKILL
    assert state_of(repository) == before
    assert before[1] == ""
    assert git(repository, "fsck", "--strict", "--no-dangling") == ""
    assert git(repository, "worktree", "list").count("\n") == 1
    assert list(temporary.iterdir()) != []  # and this is all that it leaves


def test_ctrl_c_in_the_middle_leaves_nothing_at_all(slow_repository, temporary):
    repository, marker = slow_repository
    before = state_of(repository)
    process = start_writer(repository)
    try:
        wait_for(marker)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to git as well
        process.wait(PATIENCE_S)
    finally:
        end(process)
    assert process.returncode == -signal.SIGINT
    assert state_of(repository) == before
    assert list(temporary.iterdir()) == []


def test_ctrl_c_while_the_trees_are_in_use_removes_them(repository, temporary):
    process = start_writer(repository)
    try:
        assert process.stdout.readline() == "both are there\n"
        assert len(list(temporary.iterdir())) == 1
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)
    finally:
        end(process)
    assert process.returncode == -signal.SIGINT
    assert list(temporary.iterdir()) == []


def kill_with_trees(repository):
    """Let a process write the trees, and kill it while they are in use."""
    process = start_writer(repository)
    try:
        assert process.stdout.readline() == "both are there\n"
    finally:
        end(process)
    assert process.returncode == -signal.SIGKILL


def test_what_a_killed_run_has_left_is_removed_by_the_next(repository, temporary):
    for _ in range(2):
        kill_with_trees(repository)
        (left,) = temporary.iterdir()
        assert (left / "working/mypkg/nets.py").is_file()
    with trees("main", repository=repository) as both:
        assert list(temporary.iterdir()) == [both.working.folder.parent]
    assert list(temporary.iterdir()) == []


def test_what_a_run_uses_is_left_to_it_by_others(repository, temporary):
    process = start_writer(repository)
    try:
        assert process.stdout.readline() == "both are there\n"
        (used,) = temporary.iterdir()
        before = files_in(used)
        with trees("main", repository=repository):
            assert len(list(temporary.iterdir())) == 2
        assert files_in(used) == before
        process.communicate("", PATIENCE_S)
    finally:
        end(process)
    assert process.returncode == 0
    assert list(temporary.iterdir()) == []


def test_nothing_else_among_temporary_files_is_ever_removed(repository, temporary, tmp_path):
    kill_with_trees(repository)
    (left,) = temporary.iterdir()
    begun = left.name[:-8]
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere, {"working/mine.py": ""})
    elsewhere.chmod(0o700)
    (temporary / f"{begun}linked_1").symlink_to(elsewhere)
    (temporary / f"{begun}textfile").write_text("mine")
    (temporary / f"{begun}textfile").chmod(0o700)
    os.mkfifo(temporary / f"{begun}a_pipe_1", 0o700)
    for name, mode in {
        f"{begun}opentome": 0o755,  # tempfile's folders are the user's alone
        f"{begun}my_notes": 0o700,  # with what segbench writes nowhere
        f"{begun}one": 0o700,  # names of another length
        f"{begun}trees_and_more": 0o700,
        "segbench-other_ones": 0o700,
        "other-programs-12345678": 0o700,
    }.items():
        write(temporary / name, {"working/a.py": ""})
        if "notes" in name:
            write(temporary / name, {"notes.txt": ""})
        (temporary / name).chmod(mode)
    kept = {path.name for path in temporary.iterdir()} - {left.name}
    with trees("main", repository=repository):
        pass
    assert {path.name for path in temporary.iterdir()} == kept
    assert files_in(elsewhere) == {"working/mine.py"}
    assert len(kept) == 9


def test_a_second_ctrl_c_while_the_trees_are_removed_leaves_nothing(
    repository, temporary, monkeypatch
):
    remove = shutil.rmtree
    presses = iter([KeyboardInterrupt])

    def interrupted(path, **options):
        for press in presses:
            raise press
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), trees("main", repository=repository):
        pass
    assert list(temporary.iterdir()) == []


# What cannot be asked for


def refusal(kind, function, *arguments, **options):
    with pytest.raises(kind) as caught:
        function(*arguments, **options)
    return str(caught.value)


def test_a_misspelt_branch_is_refused_with_the_nearest(repository, tmp_path):
    said = refusal(UsageError, check_out, "mian", tmp_path / "old", repository=repository)
    assert said == "unknown revision 'mian'; did you mean 'main'?"


def test_a_branch_that_only_the_remote_has_is_named_in_full(repository, tmp_path):
    git(repository, "branch", "stable")
    git(tmp_path, "clone", "-q", str(repository), "clone")
    said = refusal(UsageError, find_revision, "stable", repository=tmp_path / "clone")
    assert said == "unknown revision 'stable'; did you mean 'origin/stable'?"


@pytest.mark.parametrize(
    "name", ["", "--since=1", "v9", "main..HEAD", "HEAD~7", "HEAD:mypkg/nets.py", "HEAD:mypkg/x"]
)
def test_what_is_no_revision_is_refused(repository, name):
    said = refusal(UsageError, find_revision, name, repository=repository)
    assert said == (
        f"unknown revision {name!r}; name a branch, a tag or a commit of this repository"
    )


@pytest.mark.parametrize("name", ["ma\0in", "ma\ud800in"])
def test_a_revision_with_a_character_that_no_name_has_is_refused(repository, name):
    said = refusal(UsageError, find_revision, name, repository=repository)
    assert said == f"unknown revision {name!r}; it has characters that no name has"


def test_a_hash_that_was_cut_too_short_is_refused(repository):
    author = "committer A <a@example.org> 1700000000 +0000"
    commits = "".join(f"commit refs/heads/many\n{author}\ndata 4\n{n:04}\n" for n in range(1500))
    subprocess.run(
        [shutil.which("git"), "-C", str(repository), "fast-import", "--quiet"],
        input=commits.encode(),
        check=True,
    )
    # Of 1500 hashes about 17 pairs begin with the same 4 digits; these have always the same hashes.
    begun = sorted(line[:4] for line in git(repository, "rev-list", "many").splitlines())
    short = next(one for one, other in itertools.pairwise(begun) if one == other)
    said = refusal(UsageError, find_revision, short, repository=repository)
    assert said == f"revision {short!r} fits several commits; give more of its characters"


def test_a_clone_without_history_says_how_to_fetch_it(repository, tmp_path):
    commit(repository, {"new.py": ""})
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
    said = refusal(UsageError, find_revision, "HEAD~1", repository=tmp_path / "shallow")
    assert said == (
        "unknown revision 'HEAD~1'; this clone has no full history: fetch it with "
        "'git fetch --unshallow', or 'fetch-depth: 0' of actions/checkout"
    )


def test_a_folder_in_no_repository_is_refused(tmp_path):
    said = refusal(UsageError, find_top, tmp_path)
    assert said == (
        f"cannot measure against a revision: {str(tmp_path)!r} is in no git repository; run it in "
        "that of the networks"
    )


def test_a_repository_without_files_is_refused(repository):
    said = refusal(UsageError, find_top, repository / ".git")
    assert said == (
        f"cannot measure against a revision: {str(repository / '.git')!r} has no working tree; "
        "run it where the files are checked out"
    )


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    missing = tmp_path / "missing"
    said = refusal(UsageError, find_top, missing)
    assert said == (
        f"cannot measure against a revision: {str(missing)!r} is refused by git: cannot change to "
        f"'{missing}': No such file or directory"
    )


def test_a_repository_without_commits_is_refused(tmp_path):
    empty = new_repository(tmp_path / "empty")
    said = refusal(UsageError, find_revision, "main", repository=empty)
    assert said == (
        f"repository {str(empty)!r} has no commit yet, and so no revision 'main' to measure "
        "against; commit first"
    )


def test_a_repository_of_another_user_is_refused_with_what_to_do(repository, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    said = refusal(UsageError, find_top, repository)
    assert said == (
        f"cannot measure against a revision: {str(repository)!r} belongs to another user, and git "
        f"does not read it; to trust it: git config --global --add safe.directory {repository}"
    )


def test_a_machine_without_git_is_told_so(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refusal(UsageError, find_top, repository)
    assert said == (
        "cannot measure against a revision: there is no program 'git' on the PATH; install git"
    )


def test_a_damaged_repository_is_a_measurement_that_failed(repository, tmp_path):
    blob = git(repository, "rev-parse", "HEAD:mypkg/nets.py").strip()
    (repository / ".git/objects" / blob[:2] / blob[2:]).unlink()
    folder = tmp_path / "old"
    said = refusal(MeasurementError, check_out, "main", folder, repository=repository)
    assert said == (
        f"cannot write the files of revision 'main' to {str(folder)!r}: "
        f"unable to read sha1 file of mypkg/nets.py ({blob})"
    )


def test_a_working_tree_with_more_data_than_there_is_room_for_is_refused_before_it_is_copied(
    repository, tmp_path, monkeypatch
):
    with (repository / "weights.bin").open("wb") as file:
        file.truncate(3 << 30)  # with a hole: it takes no room here
    room = shutil.disk_usage(tmp_path)._replace(free=1 << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
    folder = tmp_path / "new"
    said = refusal(MeasurementError, check_out_working_tree, folder, repository=repository)
    assert said == (
        "the working tree has 3.00 GiB of files that git does not ignore, and "
        f"{str(folder)!r} has room for 1.00 GiB; name data in .gitignore, or set TMPDIR"
    )
    assert list(folder.iterdir()) == []


# A command before measuring


def test_a_setup_command_runs_through_the_shell_in_its_folder_and_is_silent(tmp_path, capfd):
    run_setup("echo said; echo complained >&2; echo 'built here' > made.txt", tmp_path)
    assert (tmp_path / "made.txt").read_text() == "built here\n"
    assert capfd.readouterr() == ("", "")


def test_a_setup_command_that_fails_is_quoted_with_its_last_words(tmp_path):
    command = "echo building; echo first >&2; echo '  no compiler ' >&2; echo >&2; exit 7"
    with pytest.raises(MeasurementError) as caught:
        run_setup(command, tmp_path)
    assert str(caught.value) == (
        f"setup command {command!r} ended with code 7 in {str(tmp_path)!r}: no compiler"
    )
    assert caught.value.__notes__ == ["building\nfirst\n  no compiler \n\n"]


def test_a_setup_command_that_fails_in_silence_is_quoted_all_the_same(tmp_path):
    said = refusal(MeasurementError, run_setup, "exit 1", tmp_path)
    assert said == (
        f"setup command 'exit 1' ended with code 1 in {str(tmp_path)!r}: it said nothing"
    )


def test_a_setup_command_is_not_led_to_the_repository_of_a_hook(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/elsewhere/.git")
    run_setup('test -z "$GIT_DIR"', tmp_path)


def test_a_setup_command_with_a_null_character_is_refused(tmp_path):
    said = refusal(UsageError, run_setup, "make\0all", tmp_path)
    assert said == "setup command 'make\\x00all' has a null character; write it without"


SETUP = """
import sys
from pathlib import Path
from segbench.budgets.revisions import run_setup
run_setup("sleep 600 & echo $! > child; sleep 600; true", Path(sys.argv[1]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_setup_command_ends_with_all_that_it_started_when_its_supervisor_does(tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-c", SETUP, str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(tmp_path / "child")
        wait_until(lambda: (tmp_path / "child").read_text().endswith("\n"))
        child = int((tmp_path / "child").read_text())
        assert not is_gone(child)
        process.send_signal(number)
        process.wait(PATIENCE_S)
        wait_until(lambda: is_gone(child))
    finally:
        process.kill()
        process.communicate()


def test_what_a_setup_command_leaves_running_stays(tmp_path):
    run_setup("sleep 600 & echo $! > child", tmp_path)
    child = int((tmp_path / "child").read_text())
    try:
        time.sleep(0.2)  # for what would end it
        assert not is_gone(child)
    finally:
        os.kill(child, signal.SIGKILL)


# Where code is imported from


def test_roots_are_src_and_the_trees_own(tmp_path):
    write(tmp_path, {"src/mypkg/__init__.py": ""})
    assert import_roots(tmp_path) == (tmp_path / "src", tmp_path)


def test_roots_of_a_subfolder_come_after_the_trees_own(tmp_path):
    write(tmp_path, {"part/src/mypkg/__init__.py": ""})
    part = tmp_path / "part"
    assert import_roots(tmp_path, within=Path("part")) == (tmp_path, part / "src", part)


def test_a_package_is_no_root_itself_nor_is_a_folder_that_the_revision_has_not(tmp_path):
    write(tmp_path, {"mypkg/__init__.py": ""})
    assert import_roots(tmp_path, within=Path("mypkg")) == (tmp_path,)
    assert import_roots(tmp_path, within=Path("later")) == (tmp_path,)


def test_a_task_passes_through_its_line_with_its_roots():
    task = make_task("mypkg.nets:Tiny", roots=("/tree/src", "/tree"), instead_of="/repository")
    assert Task.from_json(decode(encode(task.to_json()))) == task


def test_roots_hide_what_is_installed_and_not_the_standard_library():
    standard = [folder for folder in sys.path if Path(folder, "profile.py").is_file()]
    assert len(standard) == 1
    found = import_path(["/tree"], ["", "/mine", *standard, "/site-packages"])
    assert found == [*standard, "/tree", "", "/mine", "/site-packages"]


def test_a_folder_called_zoo_is_segbenchs_only_if_it_has_the_registry(tmp_path):
    write(tmp_path, {"zoo/__init__.py": "", "zoo/animals.py": ""})
    assert not holds_zoo([str(tmp_path)])
    assert "import segbench, zoo;" in child_program([str(tmp_path)], [], "pass")
    write(tmp_path, {"zoo/registry.py": ""})
    assert holds_zoo([str(tmp_path)])
    assert "import segbench;" in child_program([str(tmp_path)], [], "pass")


SMALL = Settings.of(size=(64, 64), threads=1, classes=5)


def inspect(task):
    return ask_once(Question(task, "inspection", "inspect", {"strict": False}))


def params_of_both(model, repository, *, settings=SMALL):
    with trees("HEAD", repository=repository) as both:
        task = settings.task(model)
        return [inspect(tree.task(task))["params"] for tree in (both.working, both.against)]


# Of width w and 5 classes: w (3 + 1) and 5 (w + 1).
PARAMS_OF_WIDTH = {4: 16 + 25, 8: 32 + 45}


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("source", [".", "src"])
def test_workers_build_the_networks_of_two_revisions_even_if_one_is_installed(
    tmp_path, monkeypatch, source
):
    repository = new_repository(tmp_path / "repository")
    nets = f"{source}/mypkg/nets.py"
    commit(repository, {f"{source}/mypkg/__init__.py": "", nets: NETS.format(width=4)})
    write(repository, {nets: NETS.format(width=8)})
    monkeypatch.syspath_prepend(str(repository / source))  # as an editable install does
    monkeypatch.chdir(repository)
    found = params_of_both("mypkg.nets:Tiny", repository)
    assert found == [PARAMS_OF_WIDTH[8], PARAMS_OF_WIDTH[4]]


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_workers_find_a_package_in_the_subfolder_where_the_command_runs(tmp_path, monkeypatch):
    repository = new_repository(tmp_path / "repository")
    commit(repository, {"part/mypkg/nets.py": NETS.format(width=4)})
    write(repository, {"part/mypkg/nets.py": NETS.format(width=8)})
    monkeypatch.chdir(repository / "part")
    found = params_of_both("mypkg.nets:Tiny", Path())
    assert found == [PARAMS_OF_WIDTH[8], PARAMS_OF_WIDTH[4]]


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_workers_take_the_zoo_from_the_tree_and_segbench_never(tmp_path):
    repository = new_repository(tmp_path / "repository")
    shutil.copytree(PROJECT / "zoo", repository / "zoo")
    commit(repository, {"segbench/__init__.py": "raise SystemExit(9)\n"})
    stem = "nn.Conv2d(3, stem_width, 3, stride=2, padding=1"
    text = (repository / "zoo/segfast.py").read_text()
    assert text.count(stem) == 1
    write(repository, {"zoo/segfast.py": text.replace(stem, f"{stem}, bias=False")})
    found = params_of_both("segfast", repository, settings=SMALL.with_values(classes=22))
    # 64 biases fewer than the paper's count; segfast-basic, a partial, is defined there as well
    assert found == [603_288 - 64, 603_288]
    assert params_of_both("segfast-basic", repository, settings=SMALL.with_values(classes=22)) == [
        2_965_976 - 64,
        2_965_976,
    ]


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_a_zoo_of_before_a_module_that_segbench_needs_is_measured_too(repository):
    shutil.copytree(PROJECT / "zoo", repository / "zoo")
    (repository / "zoo/files.py").rename(repository / "zoo/reading.py")
    for path in (repository / "zoo").glob("*.py"):
        path.write_text(path.read_text().replace("zoo.files", "zoo.reading"))
    commit(repository, {})
    assert (
        params_of_both("segfast", repository, settings=SMALL.with_values(classes=22))
        == [603_288] * 2
    )


@pytest.mark.measures
def test_files_named_like_other_modules_do_no_harm(repository):
    # profile and code are of the standard library, and torch imports both
    names = ("profile.py", "code.py", "zoo/__init__.py", "segbench/__init__.py")
    commit(repository, dict.fromkeys(names, "raise SystemExit(9)\n"))
    assert params_of_both("mypkg.nets:Tiny", repository) == [PARAMS_OF_WIDTH[4]] * 2


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_a_network_from_outside_the_tree_is_refused(repository):
    with trees("HEAD", repository=repository) as both:
        task = both.against.task(SMALL.task("nets_for_tests:Pointwise"))
        said = refusal(UsageError, inspect, task)
    assert said == (
        "model 'nets_for_tests:Pointwise' does not come from revision 'HEAD' but from "
        f"{SUPPORT / 'nets_for_tests.py'}; both revisions would measure that same code: keep its "
        "package under version control, at the root of the repository or in src"
    )


CHECK = ("--size", "64x64", "--threads", "1", "--against", "v1")


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("place", ["later.py", "mypkg/later.py", "src/later.py"])
def test_a_network_that_the_revision_did_not_have_yet_is_told_so(repository, place, temporary):
    git(repository, "tag", "v1")
    write(repository, {"src/other.py": "", place: NETS.format(width=8)})
    module = place.removesuffix(".py").removeprefix("src/").replace("/", ".")
    done = segbench_here("check", f"{module}:Tiny", *CHECK, folder=repository)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"segbench: revision 'v1' has no network '{module}:Tiny' yet; name one that has it, or "
        "leave out --against\n"
    )
    assert list(temporary.glob("segbench*")) == []


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_a_builder_that_the_revisions_module_did_not_have_yet_is_told_so(repository):
    git(repository, "tag", "v1")
    text = NETS.format(width=4)
    write(repository, {"mypkg/nets.py": f"{text}\n\nclass Other(Tiny):\n    pass\n"})
    done = segbench_here("check", "mypkg.nets:Other", *CHECK, folder=repository)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "segbench: revision 'v1' has no network 'mypkg.nets:Other' yet; name one that has it, or "
        "leave out --against\n"
    )


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_an_option_that_the_revisions_builder_did_not_have_yet_is_told_so(repository):
    git(repository, "tag", "v1")
    text = NETS.format(width=4).replace("classes: int = 5)", "classes: int = 5, width: int = 4)")
    write(repository, {"mypkg/nets.py": text})
    done = segbench_here("check", "mypkg.nets:Tiny,width=4", *CHECK, folder=repository)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "segbench: network 'mypkg.nets:Tiny' of revision 'v1' has no option 'width' yet; name a "
        "revision that has it, or leave the option out\n"
    )


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_a_network_that_neither_revision_has_is_an_error_of_the_working_tree(repository):
    git(repository, "tag", "v1")
    done = segbench_here("check", "mypkg.nets:Tny", *CHECK, folder=repository)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "segbench: no 'Tny' in 'mypkg.nets' for model 'mypkg.nets:Tny'; did you mean 'Tiny'?\n"
    )


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_a_network_that_fails_says_in_which_revision(repository):
    text = NETS.format(width=4)
    forward = "\n    def forward(self, images):\n        raise ValueError('no bridge yet')\n"
    commit(repository, {"mypkg/nets.py": text + forward})
    git(repository, "tag", "v1")
    write(repository, {"mypkg/nets.py": text})
    done = segbench_here("check", "mypkg.nets:Tiny", *CHECK, folder=repository)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        "segbench: at revision 'v1': network 'mypkg.nets:Tiny,classes=22' failed on an input of "
        "1x3x64x64: ValueError: no bridge yet\n"
    )


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_a_part_that_comes_from_the_working_tree_is_refused(repository, monkeypatch):
    parts = repository / "packages/parts"
    commit(
        repository,
        {
            "packages/parts/blocks.py": NETS.format(width=4),
            "mypkg/nets.py": "from blocks import Tiny as Block\n\n\nclass Tiny(Block):\n    pass\n",
        },
    )
    monkeypatch.syspath_prepend(str(parts))  # a second package of the repository, installed
    with trees("HEAD", repository=repository) as both:
        said = refusal(UsageError, inspect, both.against.task(SMALL.task("mypkg.nets:Tiny")))
    assert said == (
        f"model 'mypkg.nets:Tiny' uses {parts / 'blocks.py'}, which is not of revision 'HEAD'; "
        "both revisions would measure that same code: keep its package under version control, at "
        "the root of the repository or in src"
    )


@pytest.mark.measures
@pytest.mark.usefixtures("forked")
def test_what_is_installed_in_an_environment_inside_the_repository_may_be_used(
    repository, monkeypatch
):
    installed = repository / ".venv/lib/site-packages"
    write(repository, {".gitignore": ".venv/\n"})
    write(installed, {"blocks.py": NETS.format(width=4)})
    commit(
        repository, {"mypkg/nets.py": "from blocks import Tiny as T\n\n\nclass Tiny(T):\n ...\n"}
    )
    monkeypatch.syspath_prepend(str(installed))
    assert params_of_both("mypkg.nets:Tiny", repository) == [PARAMS_OF_WIDTH[4]] * 2
