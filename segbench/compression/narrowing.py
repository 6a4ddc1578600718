"""Narrower networks: the same specification with fewer channels."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from segbench.errors import UsageError
from zoo.building import check_buildable
from zoo.options import named_options
from zoo.registry import find_builder
from zoo.spec import ModelSpec

if TYPE_CHECKING:
    from zoo.values import Value

WIDTH = "width"  # an option that multiplies all channels inside
SPARK_WIDTHS = ("stem_width", "squeeze", "expand1", "expand3", "decoder_width")
MULTIPLE = 8  # of channels, or engines fill their vectors with zeros


def narrowed(spec: ModelSpec, share: float) -> ModelSpec:
    """Return a network with this share of its channels, each to a multiple of 8.

    Args:
        share: above 0 and below 1.

    Raises:
        UsageError: the network has no option for its width.

    >>> str(narrowed(ModelSpec("contextnet", {"classes": 12}), 0.5))
    'contextnet,classes=12,width=0.5'
    >>> narrowed(ModelSpec("segfast"), 0.5).options["squeeze"]
    (8, 8, 16, 16, 24, 24, 32, 32)
    """
    check_buildable(spec)
    options = _all_options(spec)
    if set(SPARK_WIDTHS) <= set(options):
        return spec.with_options(**{name: _scaled(options[name], share) for name in SPARK_WIDTHS})
    if WIDTH in options:
        return spec.with_options(width=round(float(options[WIDTH]) * share, 4))
    raise UsageError(
        f"network {spec.name!r} has no option for its width, so it cannot be pruned; what can is "
        "segfast, segfast-basic and the networks of: segbench models --tag small"
    )


def _all_options(spec: ModelSpec) -> dict[str, Any]:
    """Return what a builder is called with, defaults among it."""
    builder = find_builder(spec.name)
    parameters = inspect.signature(builder).parameters
    defaults = {name: parameters[name].default for name in named_options(builder)}
    return {**defaults, **spec.options}


def _scaled(widths: Any, share: float) -> Value:  # noqa: ANN401 - a number, or several
    if isinstance(widths, tuple | list):
        return tuple(_in_multiples(each * share) for each in widths)
    return _in_multiples(widths * share)


def _in_multiples(channels: float) -> int:
    return max(MULTIPLE, MULTIPLE * int(channels / MULTIPLE + 0.5))
