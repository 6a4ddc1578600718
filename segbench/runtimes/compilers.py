"""C++ compilers of this machine, for runtimes that make code."""

from __future__ import annotations

import os
import shutil

from segbench.errors import UsageError

COMPILERS = ("g++", "clang++")


def find_compiler() -> str | None:
    """Return the path of a C++ compiler: the one that CXX names, else the first of those known."""
    named = os.environ.get("CXX")
    names = COMPILERS if named is None else (named, *COMPILERS)
    return next((path for name in names if (path := shutil.which(name))), None)


def need_compiler(runtime: str) -> str:
    """Return the path of a C++ compiler.

    Args:
        runtime: that needs it.

    Raises:
        UsageError: there is none.
    """
    found = find_compiler()
    if found is None:
        raise UsageError(
            f"runtime {runtime!r} needs a C++ compiler, and neither {' nor '.join(COMPILERS)} is "
            "found here; install one (on Debian or Ubuntu: apt install g++), or name it in CXX"
        )
    return found
