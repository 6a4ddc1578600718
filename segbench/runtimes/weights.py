"""Trained weights, put into the network that they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.errors import UsageError
from zoo.errors import SpecError
from zoo.weights import find_weights, metadata_of, opened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn


def load_weights(network: nn.Module, weights: str) -> None:
    """Give a network the weights that a text stands for; see :mod:`zoo.weights`.

    Raises:
        UsageError: they cannot be read, or are of another network.
    """
    path = find_weights(weights)
    tensors, _ = read_tensors(path)
    set_weights(network, tensors, path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """Return the tensors of a file, and what it says of them as JSON.

    Raises:
        UsageError: it is missing, damaged, or not one of segbench's.
    """
    try:
        with opened(path, framework="pt") as file:
            said = metadata_of(file, path)
            return {name: file.get_tensor(name) for name in file.keys()}, said  # noqa: SIM118
    except SpecError as error:
        raise UsageError(str(error)) from error


def set_weights(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Give a network the tensors of a file.

    Raises:
        UsageError: they are of another network.
    """
    try:
        network.load_state_dict(tensors)
    except (RuntimeError, TypeError, LookupError) as error:
        raise UsageError(
            f"the checkpoint {str(path)!r} does not fit the network that it names; "
            "give best.safetensors of a run"
        ) from error
