"""``python -m segbench`` is the command ``segbench``."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


def leave_present_folder() -> None:
    """Take the present folder, which ``python -m`` puts first, off the import path.

    Else a file of any name in it could take the place of a library. Where segbench itself is
    imported from there it stays.
    """
    own = Path(__file__).resolve().parents[1]
    with contextlib.suppress(FileNotFoundError):  # the folder is gone, and nothing is in it
        here = Path.cwd()
        if sys.path and sys.path[0] in {"", str(here)} and own != here.resolve():
            del sys.path[0]


if __name__ == "__main__":
    leave_present_folder()
    from segbench.cli import main

    main()
