"""Figures that the SegFast paper prints of its networks."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from zoo.frozen import FrozenMapping

__all__ = ["PAPER", "Figure", "Published", "Quality", "accuracy"]

PAPER = (
    "Pal et al., SegFast: A Faster SqueezeNet based Semantic Image Segmentation Technique using "
    "Depth-wise Separable Convolutions, ICVGIP 2018, doi 10.1145/3293353.3293406"
)

Figure: TypeAlias = Literal["params", "forward_s", "backward_s", "memory_mib"]


class Quality(NamedTuple):
    """Pixel accuracy in percent, and mean intersection over union from 0 to 1."""

    pixel_accuracy: float
    miou: float


@dataclass(frozen=True, kw_only=True)
class Published:
    """What the paper prints for a network, for an image of 1x3x224x224 (Tables 2, 3 and 5).

    Times are of a Xeon E5-2623 v4 at 2.60 GHz with 8 cores and 16 threads (Table 4); memory is
    that of a Quadro P5000.

    Attributes:
        row: the paper's name for the network.
        params: parameters at 22 classes; the paper does not print the class count.
        forward_s: seconds of a forward pass.
        backward_s: seconds of a backward pass.
        memory_mib: MiB on the GPU.
        accuracy: validation quality by dataset.
    """

    row: str
    params: int
    forward_s: float
    backward_s: float
    memory_mib: int
    accuracy: FrozenMapping[Quality]


def accuracy(**figures: tuple[float, float]) -> FrozenMapping[Quality]:
    """Return qualities by dataset, from pairs of pixel accuracy and mean IoU."""
    return FrozenMapping({dataset: Quality(*pair) for dataset, pair in figures.items()})
