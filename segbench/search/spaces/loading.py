"""Loading of a study, by its name or from a file."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

from segbench.errors import UsageError
from segbench.results.candidate import without_runtime
from segbench.search.space import Study, said_of
from zoo.allowed import check_file_allowed
from zoo.errors import did_you_mean
from zoo.files import FileError, read_bytes

STUDIES = ("spark", "separable")  # of this folder


def load_study(name: str) -> Study:
    """Return the study of this name, or the one in the file of this path.

    A file has a variable ``STUDY``. It is executed, so it must have been allowed
    (:mod:`zoo.allowed`).

    Raises:
        UsageError: there is none, or the file cannot be run.
        ForbiddenImportError: the file is not one that the user has named.

    >>> load_study("separable").name
    'separable'
    """
    if name in STUDIES:
        module = importlib.import_module(f"segbench.search.spaces.{name}")
    elif name.endswith(".py"):
        module = _run(Path(name))
    else:
        without_runtime(name, what="search", why="--runtime says what its networks run in")
        raise UsageError(
            f"unknown study {name!r}{did_you_mean(name, STUDIES)} (studies: {', '.join(STUDIES)}; "
            "or the path of a file ending in .py)"
        )
    study = vars(module).get("STUDY")
    if not isinstance(study, Study):
        raise UsageError(f"study {name!r} has no STUDY; give it one, a segbench.search.space.Study")
    return study


def _run(path: Path) -> ModuleType:
    """Execute a user's file as a module of any name.

    It is compiled each time: Python's cached bytecode may be that of an older file.
    """
    check_file_allowed(path, source="what is to be searched")
    try:
        source = read_bytes(path, what="study")
    except FileError as error:
        raise UsageError(str(error)) from error
    module = ModuleType(f"segbench_study_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look themselves up there
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))  # noqa: S102
    except KeyboardInterrupt:  # it is the user's, and may fall anywhere
        raise
    except BaseException as error:  # a user's code raises what it likes
        raise UsageError(f"study {str(path)!r} cannot be run: {said_of(error)}") from error
    return module
