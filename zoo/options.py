"""A builder's signature is its configuration: check options against names and annotations."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from zoo.errors import OptionError, did_you_mean

__all__ = [
    "Positive",
    "PositiveFloat",
    "PositiveInt",
    "check_options",
    "describe_type",
    "named_options",
    "named_parameters",
    "option_names",
]


@dataclass(frozen=True)
class Positive:
    """Marks an annotated number that must be above 0, and finite."""


PositiveInt: TypeAlias = Annotated[int, Positive()]
PositiveFloat: TypeAlias = Annotated[float, Positive()]

_TYPES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def option_names(builder: Callable[..., object]) -> tuple[str, ...] | None:
    """Return the options that `builder` takes, None where it takes any.

    >>> def tiny(*, classes: int = 22, width: int = 8): ...
    >>> option_names(tiny)
    ('classes', 'width')
    """
    parameters = _parameters(builder)
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return None
    return tuple(_named(parameters))


def named_options(builder: Callable[..., object]) -> tuple[str, ...]:
    """Return the options that the signature of `builder` names.

    >>> def any_of(width: int = 8, **options): ...
    >>> named_options(any_of)
    ('width',)
    """
    return tuple(named_parameters(builder))


def named_parameters(builder: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """Return the parameters of the options that the signature of `builder` names.

    >>> def any_of(width: int = 8, **options): ...
    >>> named_parameters(any_of)["width"].default
    8
    """
    return _named(_parameters(builder))


def describe_type(annotation: Any) -> str | None:  # noqa: ANN401, annotations have no type
    """Return in words what an annotation lets an option be; None where there is none.

    >>> describe_type(PositiveInt), describe_type(Literal["wide", "deep"])
    ('a positive whole number', "'wide' or 'deep'")
    >>> describe_type(inspect.Parameter.empty) is None
    True
    """
    return None if annotation is inspect.Parameter.empty else _describe(annotation)


def check_options(name: str, builder: Callable[..., object], options: Mapping[str, object]) -> None:
    """Refuse options that `builder` does not have, does not get, or cannot take the value of.

    Values are held against those annotations that text can express; any other passes.

    Raises:
        OptionError: with the model's `name` and the option's.

    >>> def tiny(*, width: PositiveInt = 8): ...
    >>> check_options("tiny", tiny, {"width": 0})
    Traceback (most recent call last):
    zoo.errors.OptionError: option 'width' of model 'tiny' must be a positive whole number, got 0
    """
    names = option_names(builder)
    for option in options:
        if names is not None and option not in names:
            raise OptionError(
                f"unknown option {option!r} for model {name!r}{did_you_mean(option, names)} "
                f"(options: {', '.join(names) or 'none'})"
            )
    for option, parameter in named_parameters(builder).items():
        if option in options:
            value = options[option]
            if not _fits(parameter.annotation, value):
                raise OptionError(
                    f"option {option!r} of model {name!r} must be "
                    f"{_describe(parameter.annotation)}, got {value!r}"
                )
        elif parameter.default is parameter.empty:
            raise OptionError(
                f"model {name!r} needs option {option!r}; write {name},{option}=VALUE"
            )


def _parameters(builder: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(builder, eval_str=True).parameters
    except Exception:  # noqa: BLE001, evaluating someone's annotations may raise anything
        try:
            return inspect.signature(builder).parameters
        except (TypeError, ValueError):  # a callable written in C: whatever it takes
            return {"options": inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)}


def _named(parameters: Mapping[str, inspect.Parameter]) -> dict[str, inspect.Parameter]:
    by_name = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {name: p for name, p in parameters.items() if p.kind in by_name}


def _fits(annotation: Any, value: object) -> bool:  # noqa: ANN401, PLR0911, one line per form
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        positive = any(isinstance(mark, Positive) for mark in args[1:])
        return _fits(args[0], value) and (not positive or _is_positive(value))
    if origin is Literal:
        return any(type(arg) is type(value) and arg == value for arg in args)
    if origin in {Union, UnionType}:
        return any(_fits(arg, value) for arg in args)
    if origin is tuple:
        return isinstance(value, tuple | list) and _fits_items(args, value)
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation in {bool, str, NoneType}:
        return isinstance(value, annotation)
    return True


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < math.inf


def _fits_items(args: tuple[Any, ...], items: tuple[object, ...] | list[object]) -> bool:
    if len(args) == 2 and args[1] is Ellipsis:  # noqa: PLR2004, tuple[int, ...]
        return all(_fits(args[0], item) for item in items)
    return len(args) == len(items) and all(map(_fits, args, items))


def _describe(annotation: Any) -> str:  # noqa: ANN401, annotations have no type
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _describe(args[0]).replace("a ", "a positive ", 1)
    if origin is Literal:
        return _either(repr(arg) for arg in args)
    if origin in {Union, UnionType}:
        return _describe_union(arg for arg in args if arg is not NoneType)
    if origin is tuple:
        return _describe_tuple(args)
    return _TYPES.get(annotation, str(annotation))


def _describe_union(args: Iterable[Any]) -> str:
    """Describe the alternatives, with lists that differ in nothing but length as one."""
    texts, lengths = [], dict[str, list[int]]()
    for arg in args:
        items = get_args(arg)
        if get_origin(arg) is tuple and Ellipsis not in items:
            lengths.setdefault(_describe_each(items), []).append(len(items))
        else:
            texts.append(_describe(arg))
    return _either([*texts, *(_describe_lists(of, each) for each, of in lengths.items())])


def _describe_tuple(args: tuple[Any, ...]) -> str:
    if len(args) == 2 and args[1] is Ellipsis:  # noqa: PLR2004, tuple[int, ...]
        return f"a list, each {_describe(args[0])}"
    return _describe_lists([len(args)], _describe_each(args))


def _describe_each(items: tuple[Any, ...]) -> str:
    return _either(dict.fromkeys(map(_describe, items)))


def _describe_lists(lengths: Iterable[int], each: str) -> str:
    return f"a list of {_either(map(str, lengths))}, each {each}"


def _either(texts: Iterable[str]) -> str:
    return " or ".join(texts)
