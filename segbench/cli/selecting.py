"""Which networks a comparison is about."""

from __future__ import annotations

from segbench.errors import UsageError
from zoo.registry import models as zoo_models


def select_models(named: list[str], *, every: bool) -> list[str]:
    """Return the models to compare.

    Raises:
        UsageError: none is named and ``--all`` is not given.

    >>> select_models(["segnet", "mypkg.nets:tiny"], every=False)
    ['segnet', 'mypkg.nets:tiny']
    """
    if every:
        return [*zoo_models(), *(name for name in named if name not in zoo_models())]
    if not named:
        raise UsageError("no model was named; name some, or give --all for the zoo's five")
    return named
