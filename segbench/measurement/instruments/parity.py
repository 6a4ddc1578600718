"""Instrument for parity: what a candidate hands out, compared with eager single precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from segbench.data.registry import BUILT_IN, open_dataset
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.instruments.thread_pools import set_threads
from segbench.results.candidate import TOLERANCES
from segbench.runtimes.agreement import Agreement
from segbench.runtimes.inputs import make_noise, normalised

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segbench.measurement.workers.protocol import Task
    from segbench.measurement.workers.replies import ParityReply

BATCHES = 3  # of images that are compared
RGB = 3


class ParityInstrument:
    """Runs one network as it is, and then as the candidate, on the same images."""

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        self._under_test = ModelUnderTest(task)

    def measure(self) -> ParityReply:
        """Return how far what is handed out is from what the network itself returns."""
        tested = self._under_test
        tested.check_module()
        batches = list(self._batches())
        form = tested.runtime.head
        logits_of = tested.strided if form == "argmax-strided" else tested.logits_of
        expected = [logits_of(images).float() for images in batches]
        tested.prepare()
        tested.infer()
        agreement = Agreement(form, TOLERANCES[tested.runtime.precision])
        for images, logits in zip(batches, expected, strict=True):
            agreement.add(tested.hand_out(images), logits)
        return {"images": self._named, "dtype": tested.dtype, **agreement.reply()}

    @property
    def _named(self) -> str:
        return BUILT_IN if self._under_test.shape[1] == RGB else "noise"

    def _batches(self) -> Iterator[torch.Tensor]:
        shape = self._under_test.shape
        if shape[1] != RGB:
            for number in range(BATCHES):
                yield self._under_test.cast(make_noise(shape, seed=number))
            return
        for pixels in street_pixels(shape):
            yield self._under_test.cast(normalised(pixels).contiguous())


def street_pixels(shape: tuple[int, int, int, int]) -> Iterator[torch.Tensor]:
    """Yield batches of drawn street scenes as bytes, (batch, height, width, 3).

    Args:
        shape: of the network's input, (batch, 3, height, width).
    """
    batch, _, height, width = shape
    scenes = open_dataset(BUILT_IN).splits["val"]
    for number in range(BATCHES):
        pictures = [
            np.array(Image.fromarray(scenes[number * batch + at].image()).resize((width, height)))
            for at in range(batch)
        ]
        yield torch.from_numpy(np.stack(pictures))
