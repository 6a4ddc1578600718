"""Starting weights: those of another training that a network begins with, as far as they fit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from segbench.errors import UsageError
from segbench.runtimes.weights import read_tensors
from zoo.weights import find_weights

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Taken:
    """What a network began with.

    Attributes:
        weights: as they were named.
        taken: tensors of equal name and shape, which were taken.
        drawn: names of those of the network that stayed as they were drawn.
        left: names of those of the file that the network has no place for.
    """

    weights: str
    taken: int
    drawn: tuple[str, ...]
    left: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    def __str__(self) -> str:
        """Return it in words.

        >>> str(Taken("runs/first", 120, ("head.0.weight",), ()))
        'took 120 of 121 tensors from runs/first; drawn anew: head.0.weight'
        """
        count = self.taken + len(self.drawn)
        said = f"took {self.taken} of {count} tensors from {self.weights}"
        for words, names in (("drawn anew", self.drawn), ("of no use", self.left)):
            if names:
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004
                said += f"; {words}: {', '.join(names[:3])}{more}"
        return said


def take_weights(network: nn.Module, weights: str) -> Taken:
    """Give a network the tensors of a file that have the name and the shape of its own.

    A head for another number of classes stays as it was drawn. Tensors of another type, such as
    half precision, are converted.

    Args:
        weights: a run folder, a file of weights, or a pretrained network.

    Raises:
        UsageError: they cannot be read, or none fits.
    """
    path = find_weights(weights)
    tensors, _ = read_tensors(path)
    own = network.state_dict()
    fitting = [name for name, mine in own.items() if _fits(tensors.get(name), mine)]
    if not any(own[name].is_floating_point() for name in fitting):
        raise UsageError(
            f"no weight of {str(path)!r} has the name and the shape of one of the network; begin "
            "with weights of the same network, or leave out --from"
        )
    with torch.no_grad():
        for name in fitting:
            own[name].copy_(tensors[name])
    return Taken(
        weights,
        taken=len(fitting),
        drawn=tuple(name for name in own if name not in fitting),
        left=tuple(name for name in tensors if name not in own),
    )


def _fits(found: torch.Tensor | None, own: torch.Tensor) -> bool:
    return found is not None and found.shape == own.shape
