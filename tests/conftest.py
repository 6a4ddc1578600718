"""What tests of several folders share."""

import os
import signal

# Tests run side by side. Threads that spin while they wait for another would take the CPUs from
# them: with two processes on two CPUs that costs more than all that is computed.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}

import numpy as np
import pytest
from PIL import Image

from zoo import allowed

for kind in ("model", "dataset", "runtime", "instrument"):
    pytest.register_assert_rewrite(f"{kind}_contract")  # explain their failed assertions too
pytest_plugins = ["forked_workers", "small_searches"]

# A shell that starts the tests in the background lets them ignore Ctrl-C, and so would all that
# they start; those that send it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SIZE = (24, 32)
# The tests' own networks: fixtures name them in code, as a user would on the command line.
for module in ("nets_for_tests", "nets_to_train", "mypkg"):
    allowed.allow_import(module)


@pytest.fixture(autouse=True)
def _allowances(monkeypatch):
    """Let no test allow an import to another."""
    for name in ("_modules", "_names", "_files"):
        monkeypatch.setattr(allowed, name, set(getattr(allowed, name)))


@pytest.fixture
def rooms(tmp_path):
    """Write ten scenes of training and four of validation: dark floors, bright walls, some void."""
    home = tmp_path / "rooms"
    rng = np.random.default_rng(0)
    for split, count in (("train", 10), ("val", 4)):
        for kind in ("images", "labels"):
            (home / split / kind).mkdir(parents=True)
        for number in range(count):
            label = (rng.random((3, 4)) < 0.5).astype(np.uint8).repeat(8, 0).repeat(8, 1)
            image = np.clip(60 + 120 * label[..., None] + rng.normal(0, 40, (*SIZE, 3)), 0, 255)
            label[:2] = 255
            Image.fromarray(image.astype(np.uint8)).save(home / split / "images" / f"{number}.png")
            Image.fromarray(label).save(home / split / "labels" / f"{number}.png")
    (home / "classes.csv").write_text("name\nfloor\nwall\n")
    allowed = '[tool.segbench]\nallow-import = ["nets_to_train"]\n'
    (tmp_path / "pyproject.toml").write_text(allowed)
    return home


@pytest.fixture
def here(rooms, monkeypatch, capsys):
    """Return a function that runs a command in this process, where `rooms` is, for importing torch
    takes seconds; it returns the exit code, what was printed and what was said on standard error.
    """
    from segbench.cli import main
    from segbench.training.allocator import MARK

    monkeypatch.chdir(rooms.parent)
    monkeypatch.setenv("SEGBENCH_CACHE", str(rooms.parent / "cache"))
    monkeypatch.setenv(MARK, "1")  # this process is not to be started anew

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    return run


@pytest.fixture
def root(tmp_path):
    """Name a data root that does not exist yet."""
    return tmp_path / "data"
