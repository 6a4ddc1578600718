"""Build a network from its spec."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from zoo.allowed import allow_named
from zoo.errors import BuilderError, ZooError
from zoo.options import check_options, named_options, option_names
from zoo.registry import find_builder
from zoo.spec import ModelSpec
from zoo.values import Value

if TYPE_CHECKING:
    from torch import nn

__all__ = ["accepts_option", "build", "check_buildable", "names_option"]


def build(spec: ModelSpec | str, /, **options: Value) -> "nn.Module":
    """Build the network that `spec` describes, freshly initialised and in training mode.

    Weights are drawn from torch's global generator: the same ``torch.manual_seed`` before gives
    the same weights.

    Args:
        spec: a spec, or its text such as ``"segfast,classes=12"``. An import string that is written
            as text here may be imported by that; one in a spec, which may have been read from a
            file, only if :func:`zoo.allow_import` allows it.
        options: set over those of the spec.

    Raises:
        SpecError: the text is malformed, or its file cannot be read.
        UnknownModelError: no builder goes by this name.
        ForbiddenImportError: the spec names code that nobody has allowed it to import.
        OptionError: the builder has no such option, or cannot take this value.
        BuilderError: the builder cannot be imported, raised, or returned no network.

    >>> network = build("segfast", classes=22)
    >>> sum(parameter.numel() for parameter in network.parameters())
    603288
    """
    if isinstance(spec, str):
        allow_named(spec)
        spec = ModelSpec.parse(spec)
    wanted = spec.with_options(**options)
    check_buildable(wanted)
    return _call(wanted, find_builder(wanted.name))


def check_buildable(spec: ModelSpec, /) -> None:
    """Refuse what cannot be built for a reason that is seen without building it.

    Raises:
        UnknownModelError: no builder goes by this name.
        ForbiddenImportError: it names code that nobody has allowed it to import.
        OptionError: the builder has no such option, or cannot take this value.
        BuilderError: the builder cannot be imported, or is none.

    >>> check_buildable(ModelSpec("segnet", {"width": 3}))
    Traceback (most recent call last):
    zoo.errors.OptionError: unknown option 'width' for model 'segnet' (options: classes)
    """
    builder = find_builder(spec.name)
    _refuse_what_is_no_builder(spec.name, builder)
    check_options(spec.name, builder, spec.options)


def accepts_option(name: str, option: str) -> bool:
    """Tell whether the builder of model `name` takes `option`; imports the builder.

    >>> accepts_option("segnet", "classes"), accepts_option("segnet", "squeeze")
    (True, False)
    """
    names = option_names(find_builder(name))
    return names is None or option in names


def names_option(name: str, option: str) -> bool:
    """Tell whether the builder of model `name` has `option` in its signature; imports it.

    One that takes any option may hand it on to what does not know it.

    >>> names_option("segnet", "classes"), names_option("segnet", "squeeze")
    (True, False)
    """
    return option in named_options(find_builder(name))


def _refuse_what_is_no_builder(name: str, builder: Callable[..., object]) -> None:
    from torch import nn  # noqa: PLC0415, zoo itself imports without torch

    if isinstance(builder, nn.Module):
        raise BuilderError(
            f"model {name!r} is a network that is built already; "
            "give a function or class that returns it"
        )
    returned = builder if isinstance(builder, type) else _annotated_return(builder)
    if isinstance(returned, type) and not _may_be_module(returned):
        raise BuilderError(
            f"model {name!r} would give a {returned.__name__!r}; it must be a torch.nn.Module"
        )


def _annotated_return(builder: Callable[..., object]) -> object:
    found = getattr(builder, "__annotations__", {})
    return found.get("return") if isinstance(found, dict) else None


def _may_be_module(kind: type) -> bool:
    """Tell whether an object of a type can be a network; one of a base of it may be."""
    from torch import nn  # noqa: PLC0415, zoo itself imports without torch

    try:
        return issubclass(kind, nn.Module) or issubclass(nn.Module, kind)
    except TypeError:  # a protocol with data members, of which this cannot be asked
        return True


def _call(spec: ModelSpec, builder: Callable[..., object]) -> "nn.Module":
    from torch import nn  # noqa: PLC0415, zoo itself imports without torch

    try:
        network = builder(**spec.options)
    except ZooError:
        raise
    except (Exception, SystemExit) as error:  # a user's builder may raise anything
        text = " ".join(str(error).split())
        raise BuilderError(
            f"building model '{spec}' raised {type(error).__name__}{': ' if text else ''}{text}"
        ) from error
    if not isinstance(network, nn.Module):
        raise BuilderError(
            f"the builder of model {spec.name!r} returned {type(network).__name__!r}; "
            "it must return a torch.nn.Module"
        )
    return network
