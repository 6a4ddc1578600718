"""Networks that are made from a configuration object, as those of transformers are.

Their class names the class of its configuration in ``config_class``; options are what that takes.
"""

from collections.abc import Callable

from zoo.errors import OptionError, did_you_mean

__all__ = ["from_options"]


def from_options(builder: Callable[..., object]) -> Callable[..., object]:
    """Return a builder that takes options in place of a configuration; any other as it is.

    >>> class Config:
    ...     def __init__(self, num_labels=2): self.num_labels = num_labels
    >>> class Network:
    ...     config_class = Config
    ...     def __init__(self, config): self.labels = config.num_labels
    >>> from_options(Network)(num_labels=12).labels
    12
    """
    kind = getattr(builder, "config_class", None)
    if not isinstance(builder, type) or not isinstance(kind, type):
        return builder
    network: type = builder

    def build(**options: object) -> object:
        known = kind()
        for option in options:
            if not hasattr(known, option):  # which it would take and never look at
                names = [name for name in dir(known) if not name.startswith("_")]
                raise OptionError(
                    f"unknown option {option!r} for model {network.__name__!r}"
                    f"{did_you_mean(option, names)} (options: those of {kind.__name__})"
                )
        return network(kind(**options))

    build.__module__, build.__qualname__ = network.__module__, network.__qualname__
    return build
