"""Find a study by its name, or in a file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from segbench.errors import UsageError
from segbench.search.space import Study
from zoo.errors import did_you_mean

STUDIES = ("spark", "separable")  # that come with segbench


def load_study(name: str) -> Study:
    """Return the study of this name, or the one in the file of this path.

    A file has a variable ``STUDY``.

    Raises:
        UsageError: there is none, or the file cannot be run.

    >>> load_study("separable").name
    'separable'
    """
    if name in STUDIES:
        module = importlib.import_module(f"studies.{name}")
    elif name.endswith(".py"):
        module = _run(Path(name))
    else:
        raise UsageError(
            f"unknown study {name!r}{did_you_mean(name, STUDIES)} (studies: {', '.join(STUDIES)}; "
            "or the path of a file ending in .py)"
        )
    study = getattr(module, "STUDY", None)
    if not isinstance(study, Study):
        raise UsageError(f"study {name!r} has no STUDY; give it one, a segbench.search.space.Study")
    return study


def _run(path: Path) -> ModuleType:
    """Import a user's file, whatever its name is."""
    spec = importlib.util.spec_from_file_location(f"segbench_study_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UsageError(f"there is no study {str(path)!r}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's code raises what it likes
        words = str(error).splitlines()[0] if str(error) else ""
        raise UsageError(
            f"study {str(path)!r} cannot be run: {type(error).__name__}: {words}"
        ) from error
    return module
