"""Quantised graphs for OpenVINO, by NNCF after training."""

from __future__ import annotations

import contextlib
import io
import logging
from typing import TYPE_CHECKING

import nncf
import torch
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

from segbench.results.candidate import SCENES
from segbench.runtimes.inputs import make_noise, normalised
from segbench.runtimes.street_scenes import street_pixels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import openvino as ov

RGB = 3


def quantise(graph: ov.Model, images: Sequence[torch.Tensor]) -> ov.Model:
    """Return a graph whose convolutions are in int8, with ranges seen on images.

    Args:
        graph: in single precision.
        images: batches as it takes them.
    """
    # Without VNNI two products may overflow the 16 bits that they are summed in.
    has_vnni = torch.cpu._is_vnni_supported()  # noqa: SLF001 - no other of it says so
    overflow = OverflowFix.DISABLE if has_vnni else OverflowFix.ENABLE
    nncf.set_log_level(logging.ERROR)
    # It draws bars on whatever is standard output, which may be a pipe to the supervisor.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        found: ov.Model = nncf.quantize(
            graph,
            nncf.Dataset([each.numpy() for each in images]),
            subset_size=len(images),
            advanced_parameters=AdvancedQuantizationParameters(overflow_fix=overflow),
        )
    return found


def drawn_images(shape: tuple[int, int, int, int]) -> Iterator[torch.Tensor]:
    """Yield what a graph is calibrated with that nobody has calibrated: drawn street scenes.

    Networks of other than three channels get seeded noise.
    """
    batches = -(-SCENES // shape[0])
    if shape[1] != RGB:
        for number in range(batches):
            yield make_noise(shape, seed=number)
        return
    for pixels in street_pixels(shape, batches, split="train"):
        yield normalised(pixels).contiguous()
