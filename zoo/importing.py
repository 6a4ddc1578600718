"""Find a builder outside the zoo: an import string, or an entry point of an installed package."""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from zoo.allowed import check_allowed, check_found, present_folder
from zoo.errors import BuilderError, UnknownModelError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

__all__ = ["ENTRY_POINT_GROUP", "entry_point_names", "import_builder", "import_installed"]

ENTRY_POINT_GROUP = "segbench.models"


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
    return import_installed(targets[0])


def import_builder(name: str, *, source: str = "a file") -> Callable[..., object]:
    """Import the builder that the import string `name` points to, if that is allowed.

    A module that is not importable is looked for in the current directory too, which is put at
    the end of ``sys.path``: there it can hide no installed package.

    Args:
        source: what names it, for the error.

    Raises:
        ForbiddenImportError: nobody has allowed it (:mod:`zoo.allowed`); nothing was imported.
        UnknownModelError: there is no such module, or no such name in it.
        BuilderError: importing the module raised, or what was found cannot be called.

    >>> from zoo.allowed import allow_import
    >>> allow_import("builtins")
    >>> import_builder("builtins:dict")
    <class 'dict'>
    """
    check_allowed(name, source=source)
    found = _find(_import_here_too(name.partition(":")[0], name), name)
    check_found(name, found)
    return found


def import_installed(name: str) -> Callable[..., object]:
    """Import a builder of the zoo or of an installed package; the present folder has no part in it.

    Raises:
        UnknownModelError: there is no such module, or no such name in it.
        BuilderError: importing the module raised, or what was found cannot be called.

    >>> import_installed("zoo.segnet:segnet").__name__
    'segnet'
    """
    module_name = name.partition(":")[0]
    module = _import(module_name, name)
    if module is None:
        raise UnknownModelError(f"no module {module_name!r} for model {name!r}; install it")
    return _find(module, name)


def _find(module: ModuleType, name: str) -> Callable[..., object]:
    attribute = name.partition(":")[2]
    found: Any = module
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
    folder = present_folder()
    here = "" if folder is None else str(folder)
    if here and here not in sys.path:
        sys.path.append(here)
        importlib.invalidate_caches()
        module = _import(module_name, name)
        if module is not None:
            return module
        sys.path.remove(here)
    raise UnknownModelError(
        f"no module {module_name!r} for model {name!r}; install it, or run where it can be "
        f"imported (also looked in {here or 'no folder, for the present one is gone'})"
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
