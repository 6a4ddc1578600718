"""Workers that import torch once for all tests of a process, and rounds that are short.

A worker is a process of its own as ever, with the program that segbench gives it; only what it is
forked from is shared. Tests of how processes are started, and of what they cost, do without.
"""

import json
import os
import sys
import tempfile
from contextlib import chdir, contextmanager
from functools import partial

import pytest
from commands import Done, environment
from processes_for_tests import SUPPORT

from segbench.measurement.schedule import ALONE, IN_TURNS
from segbench.measurement.workers import pool, supervisor
from segbench.measurement.workers.child_program import child_program
from segbench.measurement.workers.fork_server import ForkServer
from segbench.measurement.workers.supervisor import RETURNING_ALLOCATOR

MODULES = (
    *("torch._dynamo", "lightning_fabric", "safetensors.torch", "pydantic"),
    *("optuna.storages._rdb.storage", "sqlalchemy.dialects.sqlite", "alembic.command"),
)
QUICK_S = 0.3  # of a pair in each round, in place of a second
WARM_UP = f"from segbench.measurement.instruments import warmup; warmup.SECONDS_CAP = {QUICK_S}; "


class Zygotes:
    """What workers are forked from: one for each allocator, which glibc chooses as it starts."""

    def __init__(self):
        self._servers = {}

    def fork(self, environment, program, stderr):
        """Fork a process that runs a program in an environment."""
        allocator = {name: text for name, text in environment.items() if "MALLOC" in name}
        key = tuple(sorted(allocator.items()))
        if key not in self._servers:
            modules = () if allocator == RETURNING_ALLOCATOR else MODULES  # peaks need torch alone
            self._servers[key] = ForkServer(partial(_program, modules), {**os.environ, **allocator})
            self._servers[key].wait_until_ready()
        fork = self._servers[key].fork(stderr)
        asked = {"environment": environment, "program": program, "folder": os.getcwd()}  # noqa: PTH109
        fork.stdin.write(json.dumps(asked) + "\n")
        fork.stdin.flush()
        return fork

    def close(self):
        while self._servers:
            self._servers.popitem()[1].close()


def _program(modules, descriptor):
    path = f"import sys; sys.path[:] = {[*sys.path, str(SUPPORT)]!r}"
    return f"{path}; import zygote; zygote.main({descriptor}, {modules!r})"


class Shared:
    """What a round's workers are forked from, as far as a pool needs it."""

    def __init__(self, zygotes, environment, program):
        self._zygotes, self._environment, self._program = zygotes, dict(environment), program

    def wait_until_ready(self):
        pass

    def fork(self, stderr):
        return self._zygotes.fork(self._environment, self._program, stderr)

    def close(self):
        pass


def _worker(roots, first=""):
    last = f"{first}from segbench.measurement.workers.child import main; main(PARENT)"
    return child_program(roots, sys.path, last)


@pytest.fixture(scope="session")
def zygotes():
    found = Zygotes()
    yield found
    found.close()


@contextmanager
def forking(zygotes, *, first=""):
    """Fork all workers that this process starts from one that has imported torch.

    Args:
        first: a statement for each worker, which ends with a semicolon.
    """

    def start(task, instrument, stderr):
        environment = supervisor.worker_environment(task, instrument, os.environ)
        return zygotes.fork(environment, _worker(task.roots, first), stderr)

    def start_server(roots, environment, **_):
        return Shared(zygotes, environment, _worker(roots, first))

    with pytest.MonkeyPatch.context() as patch:
        if sys.platform == "linux":
            patch.setattr(supervisor, "_start", start)
            patch.setattr(pool, "_start_server", start_server)
        yield


@contextmanager
def quickly(zygotes, *, first=""):
    """Let each round be a third as long too, and so the calls that warm up."""
    with forking(zygotes, first=WARM_UP + first), pytest.MonkeyPatch.context() as patch:
        for sampling in (*ALONE, *IN_TURNS):
            patch.setitem(vars(sampling), "pair_s", QUICK_S)
        yield


@pytest.fixture
def fork(zygotes, tmp_path):
    """Return a function that runs a program of Python's in a process of its own, with torch in it.

    It returns what has `stdout`, `kill` and `wait`, and is not waited for.
    """
    started = []
    with (tmp_path.parent / f"{tmp_path.name}.err").open("w+b") as errors:

        def start(program, *arguments, folder, stderr=errors):
            from segbench.training.allocator import MARK

            # MARK: the process is not to be started anew
            variables = environment(folder) | {"COLUMNS": "80", MARK: "1"}
            given = f"import sys; sys.argv[1:] = {list(arguments)!r}\n"
            with chdir(folder):
                started.append(zygotes.fork(variables, given + program, stderr))
            return started[-1]

        yield start
        for process in started:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


@pytest.fixture
def command(fork):
    """Return a function that runs a command of segbench in a process of its own."""

    def run(*arguments, folder):
        with tempfile.TemporaryFile() as errors:
            program = "from segbench.cli import main; main()"
            process = fork(program, *arguments, folder=folder, stderr=errors)
            out = process.stdout.read()
            code = process.wait()
            errors.seek(0)
            return Done(code, out, errors.read().decode())

    return run


@pytest.fixture
def forked(zygotes):
    with forking(zygotes):
        yield


@pytest.fixture
def quick(zygotes):
    with quickly(zygotes):
        yield
