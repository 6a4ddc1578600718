"""Program of a child process, and where it imports from."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import zoo


def child_program(roots: Sequence[str], path: Sequence[str], last: str) -> str:
    """Return what a child runs: segbench is that of the supervisor, the rest from the roots first.

    A tree's own ``segbench`` is never used, and of its packages named ``zoo`` only segbench's. What
    that did not have yet and segbench needs by now is the supervisor's.

    Args:
        path: where the supervisor imports from.
        last: the statement that all this is for.
    """
    steps = [f"import sys; sys.path[:] = {list(path)!r}"]
    if roots:
        its_zoo = holds_zoo(roots)
        here = "segbench" if its_zoo else "segbench, zoo"
        steps.append(f"import {here}; sys.path[:] = {import_path(roots, path)!r}")
        if its_zoo:
            steps.append(f"import zoo; zoo.__path__ = [*zoo.__path__, *{list(zoo.__path__)!r}]")
    return "; ".join([*steps, last])


def holds_zoo(roots: Sequence[str]) -> bool:
    """Tell whether the zoo's networks are among the code under the roots."""
    return any(Path(root, "zoo", "registry.py").is_file() for root in roots)


def import_path(roots: Sequence[str], path: Sequence[str]) -> list[str]:
    """Return where to import from: the roots before all that is installed.

    The standard library stays before them, for no tree is to hide it: a ``profile.py`` at the root
    of a repository, which is common, would stop torch from being imported.

    >>> import_path(["/tree"], [sysconfig.get_path("stdlib"), "/site-packages"])[1:]
    ['/tree', '/site-packages']
    """
    compiled = sysconfig.get_path("platstdlib")
    own = {sysconfig.get_path("stdlib"), compiled, os.path.join(compiled, "lib-dynload")}  # noqa: PTH118
    standard = [folder for folder in path if folder in own]
    return [*standard, *roots, *(folder for folder in path if folder not in own)]
