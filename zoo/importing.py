"""Find a builder outside the zoo: an import string, or an entry point of an installed package."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from zoo.errors import BuilderError, UnknownModelError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

__all__ = ["ENTRY_POINT_GROUP", "entry_point_names", "import_builder", "is_import_string"]

ENTRY_POINT_GROUP = "segbench.models"


def is_import_string(name: str) -> bool:
    """Tell whether `name` has the form ``package.module:builder``; nothing is imported.

    >>> is_import_string("mypkg.nets:tiny"), is_import_string("mypkg.nets"), is_import_string(":x")
    (True, False, False)
    """
    module, colon, attribute = name.partition(":")
    return bool(colon) and all(
        part.isidentifier() for part in (*module.split("."), *attribute.split("."))
    )


def entry_point_names() -> tuple[str, ...]:
    """Return the names that installed packages offer in the group ``segbench.models``."""
    return tuple(sorted({point.name for point in _entry_points()}))


def load_entry_point(name: str) -> Callable[..., object]:
    """Import the builder that an installed package offers as `name`.

    Raises:
        BuilderError: two packages offer different builders by this name.
    """
    targets = sorted({point.value for point in _entry_points() if point.name == name})
    if len(targets) != 1:
        raise BuilderError(
            f"model {name!r} is offered by several packages ({', '.join(targets)}); "
            "give one of these instead of the name"
        )
    return import_builder(targets[0])


def import_builder(name: str) -> Callable[..., object]:
    """Import the builder that the import string `name` points to.

    A module that is not importable is looked for in the current directory too, which is put at
    the end of ``sys.path``: there it can hide no installed package.

    Raises:
        UnknownModelError: there is no such module, or no such name in it.
        BuilderError: importing the module raised, or what was found cannot be called.

    >>> import_builder("builtins:dict")
    <class 'dict'>
    """
    module_name, _, attribute = name.partition(":")
    found: Any = _import_here_too(module_name, name)
    for part in attribute.split("."):
        found = _attribute(found, part, name)
    if not callable(found):
        raise BuilderError(
            f"{attribute!r} in model {name!r} is not callable but of type "
            f"{type(found).__name__!r}; give a function or class that returns a network"
        )
    builder: Callable[..., object] = found
    return builder


def _import_here_too(module_name: str, name: str) -> ModuleType:
    module = _import(module_name, name)
    if module is not None:
        return module
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
        importlib.invalidate_caches()
        module = _import(module_name, name)
        if module is not None:
            return module
        sys.path.remove(here)
    raise UnknownModelError(
        f"no module {module_name!r} for model {name!r}; install it, or run where it can be "
        f"imported (also looked in {here})"
    )


def _import(module_name: str, name: str) -> ModuleType | None:
    """Import a module; None where it or its parent package does not exist."""
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            return None
        raise BuilderError(
            f"importing {module_name!r} for model {name!r} needs module {error.name!r}, "
            "which is not installed"
            if error.name
            else _raised(module_name, name, error)
        ) from error
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise BuilderError(_raised(module_name, name, error)) from error


def _raised(module_name: str, name: str, error: BaseException) -> str:
    text = " ".join(str(error).split())
    return (
        f"importing {module_name!r} for model {name!r} raised "
        f"{type(error).__name__}{': ' if text else ''}{text}"
    )


def _attribute(holder: Any, part: str, name: str) -> object:  # noqa: ANN401, a module or class
    try:
        return getattr(holder, part)
    except AttributeError:
        public = [other for other in vars(holder) if not other.startswith("_")]
        holder_name = getattr(holder, "__name__", type(holder).__name__)
        raise UnknownModelError(
            f"no {part!r} in {holder_name!r} for model {name!r}"
            f"{did_you_mean(part, public) or '; name a function or class that is there'}"
        ) from None


def _entry_points() -> "EntryPoints":
    from importlib.metadata import entry_points  # noqa: PLC0415, it takes longer than all the rest

    return entry_points(group=ENTRY_POINT_GROUP)
