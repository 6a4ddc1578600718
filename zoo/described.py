"""What a builder says of itself: the text of its docstring, and what each of its options is."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from zoo.errors import SpecError
from zoo.options import describe_type, named_parameters, option_names
from zoo.values import normal, write_value

__all__ = ["Description", "Option", "describe"]

_SECTION = re.compile(r"(Args|Arguments|Parameters|[A-Z][a-z]+):$")
_OF_OPTIONS = ("Args", "Arguments", "Parameters")
_NOTE = re.compile(r"(\w+)(?: *\(.*?\))?: *(.*)")
_MARKUP = re.compile(r"(?::\w+(?::\w+)?:)?`+")  # of reStructuredText: roles and literals


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of a builder.

    Attributes:
        name: what stands before the ``=`` in a spec.
        default: its text in a spec, or the name of what no spec can hold; None where a value must
            be given.
        takes: the values that it can have; None where its annotation does not say.
        note: what the docstring says of it; None where it says nothing.
    """

    name: str
    default: str | None
    takes: str | None
    note: str | None


@dataclass(frozen=True, kw_only=True)
class Description:
    """A builder in words.

    Attributes:
        paragraphs: of its docstring, up to the first section or example.
        options: those that its signature names.
        takes_any: whether it takes others too.
    """

    paragraphs: tuple[str, ...]
    options: tuple[Option, ...]
    takes_any: bool


def describe(builder: Callable[..., object]) -> Description:
    '''Return what the docstring and the signature of `builder` say.

    >>> from zoo.options import PositiveInt
    >>> def tiny(*, classes: PositiveInt = 22, depth=(1, 2)):
    ...     """Build it.
    ...
    ...     Args:
    ...         classes: channels of
    ...             the logits.
    ...     """
    >>> described = describe(tiny)
    >>> described.paragraphs
    ('Build it.',)
    >>> [(option.name, option.default, option.takes) for option in described.options]
    [('classes', '22', 'a positive whole number'), ('depth', '1:2', None)]
    >>> described.options[0].note
    'channels of the logits.'
    '''
    lines = _docstring(builder).splitlines()
    notes = dict(_notes(lines))
    parameters = named_parameters(builder)
    return Description(
        paragraphs=tuple(_paragraphs(lines)),
        options=tuple(
            Option(
                name=name,
                default=_default(parameter),
                takes=describe_type(parameter.annotation),
                note=notes.get(name),
            )
            for name, parameter in parameters.items()
        ),
        takes_any=option_names(builder) is None,
    )


def _docstring(builder: Callable[..., object]) -> str:
    while isinstance(builder, partial):
        builder = builder.func
    text = builder.__doc__
    return _MARKUP.sub("", inspect.cleandoc(text)) if isinstance(text, str) else ""


def _paragraphs(lines: list[str]) -> Iterator[str]:
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if _SECTION.match(line) or line.startswith(">>>"):
            break
        if line.strip():
            paragraph.append(line.strip())
        elif paragraph:
            yield " ".join(paragraph)
            paragraph = []


def _notes(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of the section on them, each with its text."""
    starts = [at for at, line in enumerate(lines) if line.removesuffix(":") in _OF_OPTIONS]
    section: list[str] = []
    for line in lines[starts[0] + 1 :] if starts else ():
        if line and not line.startswith(" "):
            break
        section.append(line)
    entries: list[list[str]] = []
    for line in inspect.cleandoc("\n" + "\n".join(section)).splitlines():
        if line.startswith(" "):
            if entries:
                entries[-1].append(line.strip())
        elif found := _NOTE.fullmatch(line):
            entries.append(list(found.groups()))
    for name, *text in entries:
        if note := " ".join(piece for piece in text if piece):
            yield name, note


def _default(parameter: inspect.Parameter) -> str | None:
    value = parameter.default
    if value is parameter.empty:
        return None
    try:
        return write_value(normal(value))
    except SpecError:  # a class, say, which only Python code can give
        return str(getattr(value, "__name__", type(value).__name__))
