"""Eager PyTorch in inference mode: the module called as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from segbench.results.candidate import DTYPES, EAGER
from segbench.runtimes.model import set_mode

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from segbench.results.candidate import RuntimeSpec


TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


class EagerSession:
    """A module in evaluation mode that is called without gradients.

    In the first call only gradients are off: what a network makes then and keeps, such as a grid of
    positions, it may need in training, where a tensor of inference mode is refused.
    """

    def __init__(self, model: nn.Module, spec: RuntimeSpec) -> None:
        self._model = model
        self._is_first = True
        self._type = None if spec.precision == EAGER.precision else TYPES[spec.precision]
        self._layout = spec.options.get("layout")
        self.dtype = DTYPES[spec.precision]

    def feed(self, images: Tensor) -> Tensor:
        """Return the images, cast and laid out as the weights are."""
        if self._type is not None:
            images = images.to(self._type)
        if self._layout is None:
            return images
        return images.contiguous(memory_format=FORMATS[str(self._layout)])

    def run(self, batch: Tensor) -> Any:  # noqa: ANN401 - whatever a network returns
        """Call the module."""
        mode = torch.no_grad() if self._is_first else torch.inference_mode()
        self._is_first = False
        with mode:
            return self._model(batch)

    def output(self, found: Any) -> Any:  # noqa: ANN401 - as above
        """Return it as it is."""
        return found


def prepare(
    model: nn.Module, images: Tensor, spec: RuntimeSpec, store: Path | None
) -> EagerSession:
    """Put the model into evaluation mode; its weights are cast and laid out in place.

    >>> images = torch.zeros(1, 3, 8, 8)
    >>> prepare(torch.nn.Conv2d(3, 5, 1), images, EAGER, None).run(images).shape
    torch.Size([1, 5, 8, 8])
    """
    del images, store  # it compiles nothing
    set_mode(model, training=False)
    if spec.precision != EAGER.precision:
        model.to(TYPES[spec.precision])
    if "layout" in spec.options:
        model.to(memory_format=FORMATS[str(spec.options["layout"])])  # type: ignore[call-overload]
    return EagerSession(model, spec)
