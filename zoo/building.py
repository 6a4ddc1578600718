"""Build a network from its spec."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from zoo.errors import BuilderError, ZooError
from zoo.options import check_options, option_names
from zoo.registry import find_builder
from zoo.spec import ModelSpec
from zoo.values import Value

if TYPE_CHECKING:
    from torch import nn

__all__ = ["accepts_option", "build"]


def build(spec: ModelSpec | str, /, **options: Value) -> "nn.Module":
    """Build the network that `spec` describes, freshly initialised and in training mode.

    Weights are drawn from torch's global generator: the same ``torch.manual_seed`` before gives
    the same weights.

    Args:
        spec: a spec, or its text such as ``"segfast,classes=12"``.
        options: set over those of the spec.

    Raises:
        SpecError: the text is malformed, or its file cannot be read.
        UnknownModelError: no builder goes by this name.
        OptionError: the builder has no such option, or cannot take this value.
        BuilderError: the builder cannot be imported, raised, or returned no network.

    >>> network = build("segfast", classes=22)
    >>> sum(parameter.numel() for parameter in network.parameters())
    603288
    """
    wanted = ModelSpec.parse(spec) if isinstance(spec, str) else spec
    wanted = wanted.with_options(**options)
    builder = find_builder(wanted.name)
    _refuse_network(wanted.name, builder)
    check_options(wanted.name, builder, wanted.options)
    return _call(wanted, builder)


def accepts_option(name: str, option: str) -> bool:
    """Tell whether the builder of model `name` takes `option`; imports the builder.

    >>> accepts_option("segnet", "classes"), accepts_option("segnet", "squeeze")
    (True, False)
    """
    names = option_names(find_builder(name))
    return names is None or option in names


def _refuse_network(name: str, builder: Callable[..., object]) -> None:
    from torch import nn  # noqa: PLC0415, zoo itself imports without torch

    if isinstance(builder, nn.Module):
        raise BuilderError(
            f"model {name!r} is a network that is built already; "
            "give a function or class that returns it"
        )


def _call(spec: ModelSpec, builder: Callable[..., object]) -> "nn.Module":
    from torch import nn  # noqa: PLC0415, zoo itself imports without torch

    try:
        network = builder(**spec.options)
    except ZooError:
        raise
    except Exception as error:  # a user's builder may raise anything
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
