"""Commands of segbench: in this process, or as processes of their own."""

import io
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from typing import NamedTuple

import pytest
from processes_for_tests import SUPPORT


class Done(NamedTuple):
    """How a command ended; what `subprocess.CompletedProcess` is to others."""

    returncode: int
    stdout: str
    stderr: str


def segbench_here(*arguments, folder, **variables):
    """Run a command in this process, for importing what it needs takes seconds."""
    from segbench.cli import main
    from segbench.training.allocator import MARK

    out, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        # MARK: this process is not to be started anew
        new = {"COLUMNS": "80", "SEGBENCH_CACHE": str(folder / "cache"), MARK: "1"} | variables
        for name, value in new.items():
            patch.setenv(name, value)
        with redirect_stdout(out), redirect_stderr(errors), pytest.raises(SystemExit) as ended:
            main(list(arguments))
    return Done(ended.value.code, out.getvalue(), errors.getvalue())


def environment(folder):
    """Return the variables with which a command finds the networks of tests, and a new cache."""
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    return {**os.environ, "SEGBENCH_CACHE": str(folder / "cache"), "PYTHONPATH": path}


def segbench(*arguments, folder):
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "segbench", *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
