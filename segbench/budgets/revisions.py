"""The code of another git revision beside that of the working tree, each in a throw-away folder.

Both are written out in full, so that two sets of workers can import them in one run. The repository
is only read: its index, HEAD and refs stay as they are, and nothing is registered in it, so that a
run that is killed leaves at most a folder among the system's temporary files, which the next one
removes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import IO

from segbench.budgets.git import (
    find_revision,
    find_top,
    plain_environment,
    reason_of,
    run_git,
)
from segbench.errors import MeasurementError, UsageError, one_line, os_reason
from segbench.measurement.temporary import DRAWN, held_folder
from segbench.measurement.workers.exit_status import stderr_tail
from segbench.measurement.workers.protocol import Task
from segbench.results.check import Revision
from segbench.units import size

PREFIX = "segbench-against-"  # of the folder that holds all that is written
_WORKING, _AGAINST, _INDEX = "working", "against", "index-"
_KEPT = 1 << 16  # bytes of what a setup command said, on each of its streams
_SUBMODULE = b"160000 "  # the mode of an entry that is a commit of another repository
# The shell's own input is a pipe whose other end the supervisor has. Where that closes before the
# command has ended, the supervisor is gone, and the command is killed with all that it started.
_GUARDED = """
exec 3<&0 </dev/null
{ read -r line <&3; kill -KILL 0; } &
guard=$!
exec 3<&-
/bin/sh -c "$1"
code=$?
kill $guard
exit $code
"""


@dataclass(frozen=True)
class Tree:
    """The code of one revision in a folder of its own.

    Attributes:
        repository: the root of the working tree that it is read from.
        within: where in the repository the command was run.
        revision: what the user called it; None for the working tree.
    """

    folder: Path
    repository: Path
    within: Path = Path()
    revision: str | None = None

    def task(self, task: Task) -> Task:
        """Return the task with its networks' code taken from this tree."""
        roots = import_roots(self.folder, within=self.within)
        return replace(
            task,
            roots=tuple(map(str, roots)),
            instead_of=str(self.repository),
            revision=self.revision,
        )


@dataclass(frozen=True)
class Trees:
    """The working tree as it is, and another revision.

    Attributes:
        left_out: paths of submodules of either: they are empty folders, or missing, in both.
    """

    working: Tree
    against: Tree
    revision: Revision
    left_out: tuple[str, ...] = ()


@contextlib.contextmanager
def trees(revision: str, *, repository: Path) -> Iterator[Trees]:
    """Give the working tree and a revision in two folders, and remove both at the end.

    Args:
        revision: a branch, a tag, a commit, or what else git takes for one: ``HEAD~2``.
        repository: a folder anywhere in the repository's working tree.

    Raises:
        UsageError: there is no git, no repository, no working tree, or no such revision.
        MeasurementError: a tree cannot be written.
        WriteError: there is no place for temporary files.
    """
    top = find_top(repository)
    found = find_revision(revision, repository=top)
    within = Path(os.path.relpath(repository.resolve(), top))
    holds = f"{_WORKING}|{_AGAINST}|{_INDEX}{DRAWN}"
    with held_folder(PREFIX, holds=holds) as folder:
        working = Tree(folder / _WORKING, top, within)
        against = Tree(folder / _AGAINST, top, within, revision)
        # This one first: if temporary files are inside the repository, it is not to find the other.
        check_out_working_tree(working.folder, repository=top)
        check_out(found.commit, against.folder, repository=top)
        yield Trees(working, against, found, _submodules(top, found))


def check_out(revision: str, folder: Path, *, repository: Path) -> Revision:
    """Write the tree of a revision into a folder that is empty or missing.

    Submodules are left out: their folders stay empty.

    Raises:
        UsageError: there is no git, no repository or no such revision.
        MeasurementError: the tree cannot be written.
    """
    found = find_revision(revision, repository=repository)
    top = find_top(repository)
    store = run_git("rev-parse", "--absolute-git-dir", folder=top).stdout.removesuffix(b"\n")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_INDEX, dir=folder.parent) as beside:
        done = run_git(
            f"--git-dir={os.fsdecode(store)}",
            f"--work-tree={folder.resolve()}",
            *("read-tree", "--reset", "-u", found.commit),
            folder=folder,
            index=Path(beside) / "index",
        )
    if done.returncode:
        reason = reason_of(done.stderr.decode(errors="replace"))
        raise MeasurementError(
            f"cannot write the files of revision {revision!r} to {str(folder)!r}: {reason}"
        )
    return found


def check_out_working_tree(folder: Path, *, repository: Path) -> None:
    """Write the working tree as it is into a folder that is empty or missing.

    These are tracked files with their uncommitted changes, and untracked ones that git does not
    ignore. They are copied and not added to a store of git's, so that no filter touches them.

    Raises:
        UsageError: there is no git or no repository.
        MeasurementError: a file cannot be copied, or there is no room for all.
    """
    top = find_top(repository)
    names = [name for name in _list_working_tree(top) if _is_file(top, name)]
    folder.mkdir(parents=True, exist_ok=True)
    _check_room(top, names, folder)
    for name in names:
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # Without the times: bytecode that lies in the tree then never fits, and is never used.
            shutil.copy(top / name, target, follow_symlinks=False)
        except FileNotFoundError:  # deleted since it was listed
            continue
        except OSError as error:
            raise MeasurementError(
                f"cannot copy {name!r} of the working tree to {str(target)!r}: {os_reason(error)}"
            ) from error


def _list_working_tree(top: Path) -> list[str]:
    done = run_git("ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=top)
    if done.returncode:
        reason = reason_of(done.stderr.decode(errors="replace"))
        raise MeasurementError(f"git cannot list the files of {str(top)!r}: {reason}")
    return [os.fsdecode(name) for name in dict.fromkeys(done.stdout.split(b"\0")) if name]


def _is_file(top: Path, name: str) -> bool:
    """Tell whether there is a file or a link: not deleted, and no submodule.

    A tracked file of a folder that is a link by now is reached through it, and yet not of the tree.
    """
    if any((top / parent).is_symlink() for parent in PurePath(name).parents):
        return False
    return (top / name).is_symlink() or (top / name).is_file()


def _check_room(top: Path, names: Sequence[str], folder: Path) -> None:
    wanted = sum((top / name).lstat().st_size for name in names if os.path.lexists(top / name))
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise MeasurementError(
            f"the working tree has {size(wanted)} of files that git does not ignore, and "
            f"{str(folder)!r} has room for {size(free)}; name data in .gitignore, or set TMPDIR"
        )


def _submodules(top: Path, revision: Revision) -> tuple[str, ...]:
    listings = (
        run_git("ls-files", "-z", "--stage", folder=top),
        run_git("ls-tree", "-z", "-r", "--full-tree", revision.commit, folder=top),
    )
    entries = {entry for listing in listings for entry in listing.stdout.split(b"\0")}
    paths = {entry.partition(b"\t")[2] for entry in entries if entry.startswith(_SUBMODULE)}
    return tuple(sorted(map(os.fsdecode, paths)))


def import_roots(folder: Path, *, within: Path = Path()) -> tuple[Path, ...]:
    """Return the folders of a tree that its packages are imported from, first to last.

    These are ``src``, if there is one, and the tree's root; then the same of the folder in it that
    the command was run in, unless that is a package itself.
    """
    inner = folder / within
    places = [folder] if (inner / "__init__.py").exists() else [folder, inner]
    roots = [root for place in places for root in (place / "src", place) if root.is_dir()]
    return tuple(dict.fromkeys(root.resolve() for root in roots))


def run_setup(command: str, folder: Path) -> None:
    """Run a shell command in a folder, and show nothing of it unless it fails.

    It is killed with all that it started if anything is raised meanwhile, Ctrl-C for one, and if
    this process is killed.

    Raises:
        UsageError: it has a null character, which no command can have.
        MeasurementError: it ended with another code than 0.
    """
    if "\0" in command:
        raise UsageError(f"setup command {command!r} has a null character; write it without")
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        code = _run_guarded(command, folder, output, errors)
        if code:
            said = stderr_tail(errors, most=_KEPT)
            lines = [line for line in map(one_line, said.split("\n")) if line]
            error = MeasurementError(
                f"setup command {command!r} ended with code {code} in {str(folder)!r}: "
                f"{lines[-1] if lines else 'it said nothing'}"
            )
            error.add_note(stderr_tail(output, most=_KEPT) + said)
            raise error


def _run_guarded(command: str, folder: Path, output: IO[bytes], errors: IO[bytes]) -> int:
    """Run a shell command and return its code.

    Args:
        output: a file, for a pipe would wait for what the command leaves running.
    """
    guard, held = os.pipe()
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDED, "sh", command],
            cwd=folder,
            env=plain_environment(),
            stdin=guard,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            return process.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    finally:
        os.close(guard)
        os.close(held)
