"""Where the code of a network was imported from, for a worker that is to take it from a tree.

A package that is installed, or found in the current directory, could take the place of the tree's
without a word: both revisions would then run the same code, and agree.
"""

from __future__ import annotations

import functools
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import zoo
from segbench.errors import UsageError
from segbench.protocol import Task
from zoo.registry import find_builder

_INSTALLED = frozenset({"site-packages", "dist-packages"})  # folders that installers write to
_REMEDY = (
    "both revisions would measure that same code: keep its package under version control, at the "
    "root of the repository or in src"
)


def check_builder(task: Task) -> None:
    """Hold that the builder of a task with roots is defined in a file under one of them.

    Raises:
        UsageError: it is not.
        ZooError: there is no such builder.
    """
    if not task.roots:
        return
    file = file_of_builder(task.name)
    if file is None or not _is_under(file, _resolved(task.roots)):
        raise UsageError(
            f"model {task.name!r} does not come from the revision's tree but from "
            f"{file or 'no file'}; {_REMEDY}"
        )


def check_modules(task: Task) -> None:
    """Hold that nothing was imported from the repository that the roots of a task stand in for.

    Only segbench itself may be, the zoo with it where the tree has none, and what is installed in
    an environment inside the repository.

    Raises:
        UsageError: a module was.
    """
    if task.instead_of is None:
        return
    repository = _resolved([task.instead_of])
    ours = (str(Path(__file__).parent), *zoo.__path__)
    exempt = _resolved([*task.roots, *ours, sysconfig.get_path("stdlib")])
    for module in list(sys.modules.values()):
        file = _file(module)
        if (
            file is not None
            and _is_under(file, repository)
            and not _is_under(file, exempt)
            and _INSTALLED.isdisjoint(file.parts)
        ):
            raise UsageError(
                f"model {task.name!r} uses {file}, which is not of the revision's tree; {_REMEDY}"
            )


def file_of_builder(name: str) -> Path | None:
    """Return the file that defines a model's builder, None where it is not from a file.

    >>> file_of_builder("segfast").name
    'segfast.py'
    >>> file_of_builder("builtins:dict") is None
    True
    """
    builder: object = find_builder(name)
    while isinstance(builder, functools.partial):  # of whatever module, partials are functools' own
        builder = builder.func
    return _file(sys.modules.get(str(getattr(builder, "__module__", None))))


def _file(module: ModuleType | None) -> Path | None:
    name = getattr(module, "__file__", None)
    file = Path(name) if isinstance(name, str) else Path()
    # Modules that torch makes up have names without a folder, and there are no such files.
    return file.resolve() if file.is_absolute() else None


def _resolved(folders: Sequence[str]) -> list[Path]:
    return [Path(folder).resolve() for folder in folders]


def _is_under(file: Path, folders: Sequence[Path]) -> bool:
    return any(file.is_relative_to(folder) for folder in folders)
