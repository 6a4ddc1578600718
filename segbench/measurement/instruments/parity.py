"""Instrument for parity: what a candidate hands out, compared with eager single precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.data.registry import BUILT_IN
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.instruments.thread_pools import set_threads
from segbench.measurement.workers.stages import TELLER
from segbench.results.candidate import EAGER, MOVED, TOLERANCES, is_close
from segbench.runtimes.agreement import Agreement
from segbench.runtimes.heads import in_form
from segbench.runtimes.inputs import make_noise, normalised
from segbench.runtimes.street_scenes import street_pixels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from segbench.measurement.workers.protocol import Task
    from segbench.measurement.workers.replies import ParityReply
    from segbench.results.profile import Differences

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
        found = with_moved(agreement.reply(), tested, batches, expected)
        return {"images": self._named, "dtype": tested.dtype, **found}

    @property
    def _named(self) -> str:
        return BUILT_IN if self._under_test.shape[1] == RGB else "noise"

    def _batches(self) -> Iterator[torch.Tensor]:
        shape = self._under_test.shape
        if shape[1] != RGB:
            for number in range(BATCHES):
                yield self._under_test.cast(make_noise(shape, seed=number))
            return
        for pixels in street_pixels(shape, BATCHES):
            yield self._under_test.cast(normalised(pixels).contiguous())


def with_moved(
    found: Differences,
    tested: ModelUnderTest,
    batches: Sequence[torch.Tensor],
    expected: Sequence[torch.Tensor],
) -> Differences:
    """Add how far eager is from itself for moved images, where a candidate is too far from it.

    Where two values in a window of a pooling are all but equal, rounding says which is the largest,
    and an unpooling puts it elsewhere. So another order of sums moves many logits of SegNet.

    Args:
        batches: images that were compared.
        expected: their logits in eager and single precision.
    """
    form, precision = tested.runtime.head, tested.runtime.precision
    if precision != EAGER.precision or is_close(
        found["beyond"], found["argmax_agreement"], precision
    ):
        return found
    TELLER.begin(None)
    agreement = Agreement(form, TOLERANCES[precision])
    logits_of = tested.strided if form == "argmax-strided" else tested.logits_of
    for number, (images, logits) in enumerate(zip(batches, expected, strict=True)):
        noise = make_noise(tested.shape, seed=number).to(images)
        moved = images + MOVED * images.abs().max() * noise
        agreement.add(in_form(logits_of(moved).float(), form), logits)
    own = agreement.reply()
    return {**found, "moved": [own["beyond"], own["argmax_agreement"]]}
