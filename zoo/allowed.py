"""Imports that a name may cause: the one place that decides it.

Weights, runs, model files, results and baselines travel between people, and name the networks,
datasets and studies that they are of. A name in such a file imports what the zoo or an installed
entry point offers, and nothing else unless the user has allowed it: by naming it, with
``--allow-import``, or in the ``pyproject.toml`` of the present folder::

    [tool.segbench]
    allow-import = ["mypkg.nets"]
"""

import functools
import os
import re
from pathlib import Path
from types import ModuleType

from zoo.errors import SpecError, ZooError
from zoo.files import parse_toml, read_text

__all__ = [
    "ForbiddenImportError",
    "allow_file",
    "allow_import",
    "allow_named",
    "check_allowed",
    "check_file_allowed",
    "check_found",
    "is_import_string",
    "is_named_by_user",
    "is_within",
    "needs_allowing",
    "present_folder",
]

_modules: set[str] = set()  # with all that is in them
_names: set[str] = set()  # import strings
_files: set[str] = set()


class ForbiddenImportError(ZooError):
    """A file names code that nobody has allowed it to import."""


def is_import_string(name: str) -> bool:
    """Tell whether `name` has the form ``package.module:builder``; nothing is imported.

    >>> is_import_string("mypkg.nets:tiny"), is_import_string("mypkg.nets"), is_import_string(":x")
    (True, False, False)
    """
    module, colon, attribute = name.partition(":")
    return bool(colon) and _is_dotted(module) and _is_dotted(attribute)


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def allow_import(name: str) -> None:
    """Let files name what a module or package holds, or one ``package.module:builder``.

    Raises:
        SpecError: `name` is neither.

    >>> allow_import("mypkg.nets")
    >>> check_allowed("mypkg.nets:tiny")
    """
    if is_import_string(name):
        _names.add(name)
    elif _is_dotted(name):
        _modules.add(name)
    else:
        raise SpecError(f"{name!r} is no module to allow; write it as in an import: mypkg.nets")


def allow_named(text: str) -> None:
    """Allow what a user has written for a model or a dataset; a path or a plain name needs nothing.

    >>> allow_named("mypkg.other:tiny,width=24")
    >>> allow_named("mypkg.other:small@openvino")
    >>> check_allowed("mypkg.other:tiny")
    >>> check_allowed("mypkg.other:small")
    """
    name = re.split("[,@]", text, maxsplit=1)[0].strip()
    if is_import_string(name):
        _names.add(name)


def allow_file(path: str | Path) -> None:
    """Allow a file of Python code that a user has named."""
    _files.add(os.path.realpath(path))


def check_allowed(name: str, *, source: str = "a file") -> None:
    """Refuse an import string that nobody has allowed; import nothing.

    Args:
        source: what names it, for the error.

    Raises:
        ForbiddenImportError: it is not allowed.

    >>> check_allowed("os:system")
    Traceback (most recent call last):
    zoo.allowed.ForbiddenImportError: a file names 'os:system', and names in files import nothing \
but what is allowed; if you trust it, add --allow-import os
    """
    module = name.partition(":")[0]
    if name not in _names and needs_allowing(name):
        raise ForbiddenImportError(
            f"{source} names {name!r}, and names in files import nothing but what is allowed; if "
            f"you trust it, add --allow-import {module}"
        )


def needs_allowing(name: str) -> bool:
    """Tell whether a file that names `name` is refused, unless the user has written that very name.

    >>> needs_allowing("segfast"), needs_allowing("mypkg.elsewhere:tiny")
    (False, True)
    """
    if not is_import_string(name):
        return False
    module = name.partition(":")[0]
    return not is_within(module, {*_modules, *_allowed_by_project(present_folder())})


def is_named_by_user(name: str) -> bool:
    """Tell whether a user has written this very import string, wherever it leads."""
    return name in _names


def check_file_allowed(path: Path, *, source: str = "a file") -> None:
    """Refuse a file of Python code that no user has named.

    Raises:
        ForbiddenImportError: it is not allowed.
    """
    if os.path.realpath(path) not in _files:
        raise ForbiddenImportError(
            f"{source} names the code in {str(path)!r}, which would be run; name it yourself if "
            "you trust it"
        )


def is_within(module: str, allowed: set[str]) -> bool:
    """Tell whether a module is one of the allowed, or inside one.

    >>> is_within("mypkg.nets.small", {"mypkg.nets"}), is_within("mypkg.netsize", {"mypkg.nets"})
    (True, False)
    """
    return any(f"{module}.".startswith(f"{each}.") for each in allowed)


def check_found(name: str, found: object) -> None:
    """Refuse what an import string led to, where only its module was allowed and it left that.

    A module has all that it imports: ``mypkg.nets:os.system`` would lead anywhere.

    Raises:
        ForbiddenImportError: it is defined elsewhere.
    """
    if is_named_by_user(name):
        return
    allowed = {*_modules, *_allowed_by_project(present_folder())}
    while isinstance(found, functools.partial):  # of whatever module, partials are functools' own
        found = found.func
    home = found.__name__ if isinstance(found, ModuleType) else getattr(found, "__module__", None)
    if not isinstance(home, str) or not is_within(home, allowed):
        raise ForbiddenImportError(
            f"{name!r} leads to code of {home or 'no module'!s}, which is not allowed; if you "
            f"trust it, add --allow-import {name}"
        )


def present_folder() -> Path | None:
    """Return the current directory, None where it was removed meanwhile."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


@functools.cache
def _allowed_by_project(folder: Path | None) -> frozenset[str]:
    """Return what the project in a folder allows.

    Raises:
        SpecError: its pyproject.toml cannot be read, or allows what is no module.
    """
    if folder is None or not (path := folder / "pyproject.toml").is_file():
        return frozenset()
    try:
        found = parse_toml(read_text(path, what="project file"))
        listed = found.get("tool", {}).get("segbench", {}).get("allow-import", [])
    except (ValueError, AttributeError) as error:
        raise SpecError(
            f"cannot read project file {str(path)!r}: it is not TOML: {error}"
        ) from None
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise SpecError(
            f'{path}: allow-import must be a list such as ["mypkg.nets"], got {listed!r}'
        )
    for each in listed:
        if not _is_dotted(each):
            raise SpecError(f"{path}: allow-import has {each!r}, which is no module")
    return frozenset(listed)
