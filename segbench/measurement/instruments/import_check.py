"""Check of where the code of a network was imported from, for a worker that measures a tree.

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

import segbench
import zoo
from segbench.errors import UsageError
from segbench.measurement.workers.protocol import Task
from zoo.allowed import allow_import
from zoo.building import accepts_option
from zoo.errors import UnknownModelError
from zoo.registry import find_builder

_INSTALLED = frozenset({"site-packages", "dist-packages"})  # folders that installers write to
_REMEDY = (
    "both revisions would measure that same code: keep its package under version control, at the "
    "root of the repository or in src"
)


def allow_code(task: Task) -> None:
    """Let a worker import what its supervisor has judged, and no more."""
    for name in task.allow:
        allow_import(name)


def check_builder(task: Task) -> None:
    """Hold that the builder of a task with roots is defined in a file under one of them.

    Raises:
        UsageError: it is not, or the revision did not have it yet, or not all its options.
        ZooError: there is no such builder.
    """
    if not task.roots:
        return
    try:
        file = file_of_builder(task.network.name)
    except UnknownModelError as error:
        if task.revision is None:
            raise
        raise _not_yet(task) from error
    if _is_later(file, task):
        raise _not_yet(task)
    if file is None or not _is_under(file, _resolved(task.roots)):
        raise UsageError(
            f"model {task.network.name!r} does not come from {_tree_of(task)} but from "
            f"{file or 'no file'}; {_REMEDY}"
        )
    if task.revision is not None:
        _check_options(task, task.revision)


def _tree_of(task: Task) -> str:
    return "the working tree" if task.revision is None else f"revision {task.revision!r}"


def _not_yet(task: Task) -> UsageError:
    return UsageError(
        f"revision {task.revision!r} has no network {task.network.name!r} yet; name one that "
        "has it, or leave out --against"
    )


def _is_later(file: Path | None, task: Task) -> bool:
    """Tell whether a file of the working tree is one that the revision does not have."""
    if file is None or task.revision is None or task.instead_of is None:
        return False
    repository = Path(task.instead_of).resolve()
    if not file.is_relative_to(repository) or not _INSTALLED.isdisjoint(file.parts):
        return False
    place = file.relative_to(repository)
    return not any(Path(root, place).exists() for root in task.roots)


def _check_options(task: Task, revision: str) -> None:
    for option in task.network.options:
        if not accepts_option(task.network.name, option):
            raise UsageError(
                f"network {task.network.name!r} of revision {revision!r} has no option {option!r} "
                "yet; name a revision that has it, or leave the option out"
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
    ours = (*segbench.__path__, *zoo.__path__)
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
                f"model {task.network.name!r} uses {file}, which is not of {_tree_of(task)}; "
                f"{_REMEDY}"
            )


def file_of_builder(name: str) -> Path | None:
    """Return the file that defines a model's builder, None where it is not from a file.

    >>> file_of_builder("segfast").name
    'segfast.py'
    >>> from zoo.allowed import allow_import
    >>> allow_import("builtins")
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
