"""What tests of several folders share."""

import signal

import numpy as np
import pytest
from PIL import Image

pytest.register_assert_rewrite("contracts")  # explain their failed assertions too

# A shell that starts the tests in the background lets them ignore Ctrl-C, and so would all that
# they start; those that send it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SIZE = (24, 32)


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
    return home


@pytest.fixture
def here(rooms, monkeypatch, capsys):
    """Return a function that runs a command in this process, where `rooms` is, for importing torch
    takes seconds; it returns the exit code, what was printed and what was said on standard error.
    """
    from segbench.cli import main  # noqa: PLC0415 - most tests need no command
    from segbench.training.allocator import MARK  # noqa: PLC0415

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
