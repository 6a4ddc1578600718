"""Ask git about a repository that is only read, whatever calls and whatever is set there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from segbench.errors import UsageError
from segbench.results.check import Revision
from zoo.errors import did_you_mean

# What git sets for its hooks (`git rev-parse --local-env-vars`, without those for settings): each
# would make it read another repository or index than the one of the folder.
REPOSITORY_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
# Messages in English, for they are read here; no lock for a refresh of the index; no questions.
_QUIET_GIT = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
# A split index would leave a part of itself in .git, and hooks may do anything.
_NO_TRACES = ("core.splitIndex=false", "core.fsmonitor=false", f"core.hooksPath={os.devnull}")


def find_top(repository: Path) -> Path:
    """Return the root of the working tree that a folder is in.

    Raises:
        UsageError: git is not installed, or the folder is in no working tree that it may read.
    """
    done = run_git("rev-parse", "--show-toplevel", folder=repository)
    if done.returncode == 0:
        return Path(os.fsdecode(done.stdout.removesuffix(b"\n"))).resolve()
    said = done.stderr.decode(errors="replace")
    where = f"cannot measure against a revision: {str(repository)!r}"
    if "not a git repository" in said:
        raise UsageError(f"{where} is in no git repository; run it in that of the networks")
    if "dubious ownership" in said:
        trust = next((line for line in said.splitlines() if "git config" in line), "").strip()
        raise UsageError(
            f"{where} belongs to another user, and git does not read it"
            f"{f'; to trust it: {trust}' if trust else ''}"
        )
    if "must be run in a work tree" in said:
        raise UsageError(f"{where} has no working tree; run it where the files are checked out")
    raise UsageError(f"{where} is refused by git: {reason_of(said)}")


def find_revision(revision: str, *, repository: Path) -> Revision:
    """Return the commit that a name stands for.

    Raises:
        UsageError: there is none.
    """
    wanted = f"{revision}^{{commit}}"
    try:
        done = run_git("rev-parse", "--verify", "--end-of-options", wanted, folder=repository)
    except ValueError as error:  # a null character, or half of one
        raise UsageError(f"{_unknown(revision)}; it has characters that no name has") from error
    if done.returncode == 0:
        return Revision(revision, done.stdout.decode().strip())
    if run_git("rev-parse", "--verify", "--quiet", "HEAD", folder=repository).returncode:
        raise UsageError(
            f"repository {str(repository)!r} has no commit yet, and so no revision {revision!r} to "
            "measure against; commit first"
        )
    if b"is ambiguous" in done.stderr:
        raise UsageError(f"revision {revision!r} fits several commits; give more of its characters")
    raise UsageError(f"{_unknown(revision)}{_advice(revision, repository)}")


def _unknown(revision: str) -> str:
    return f"unknown revision {revision!r}"


def _advice(revision: str, repository: Path) -> str:
    listed = run_git("for-each-ref", "--format=%(refname:short)", folder=repository)
    names = listed.stdout.decode(errors="replace").splitlines()
    # A clone made for one branch knows the others as origin/main only.
    remote = [name for name in names if revision and name.endswith(f"/{revision}")]
    if remote:
        return f"; did you mean {remote[0]!r}?"
    near = did_you_mean(revision, names)
    shallow = run_git("rev-parse", "--is-shallow-repository", folder=repository).stdout.strip()
    if shallow == b"true":
        return (
            f"{near or ';'} this clone has no full history: fetch it with "
            "'git fetch --unshallow', or 'fetch-depth: 0' of actions/checkout"
        )
    return near or "; name a branch, a tag or a commit of this repository"


def plain_environment() -> dict[str, str]:
    """Return the environment of this process without what a hook of git's is told."""
    return {name: value for name, value in os.environ.items() if name not in REPOSITORY_VARIABLES}


def run_git(
    *arguments: str, folder: Path, index: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder and wait for it, whatever code it ends with.

    Args:
        index: a file to use for the repository's index.

    Raises:
        UsageError: git is not installed.
    """
    program = shutil.which("git")
    if program is None:
        raise UsageError(
            "cannot measure against a revision: there is no program 'git' on the PATH; install git"
        )
    settings = [part for setting in _NO_TRACES for part in ("-c", setting)]
    environment = plain_environment() | _QUIET_GIT
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(index)
    return subprocess.run(
        [program, "-C", str(folder), *settings, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        check=False,
    )


def reason_of(said: str) -> str:
    r"""Return the line of git's that says why, without its kind.

    >>> reason_of("hint: try again\nfatal: no space left\nhelp")
    'no space left'
    >>> reason_of("")
    'it did not say why'
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it did not say why"]
    kinds = ("fatal: ", "error: ")
    telling = [line.removeprefix(kind) for kind in kinds for line in lines if line.startswith(kind)]
    return (telling or lines[-1:])[0]
