"""Errors of a model's name, its options or its input; each text is one line."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "BuilderError",
    "InputSizeError",
    "OptionError",
    "SpecError",
    "UnknownModelError",
    "ZooError",
    "did_you_mean",
]


class ZooError(ValueError):
    """Anything that the zoo refuses; its text says what was given, what is wrong and what to do."""


class SpecError(ZooError):
    """A model's text or JSON form cannot be read."""


class UnknownModelError(ZooError):
    """No model, module or builder goes by this name."""


class OptionError(ZooError):
    """A builder has no such option, or cannot take this value for it."""


class BuilderError(ZooError):
    """A builder was found, but importing or calling it gave no network."""


class InputSizeError(ZooError):
    """A network cannot take an image of this size."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the choice nearest to `word`, or nothing.

    Upper and lower case count as the same letter.

    >>> did_you_mean("widht", ["classes", "width"])
    "; did you mean 'width'?"
    >>> did_you_mean("resnet", ["classes", "width"])
    ''
    """
    spelled = {choice.lower(): choice for choice in choices}
    found = get_close_matches(word.lower(), spelled, n=1)
    return f"; did you mean {spelled[found[0]]!r}?" if found else ""
