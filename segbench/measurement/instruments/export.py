"""Instrument for export: a network written as a graph file, which is then read and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from segbench.errors import UsageError
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.instruments.parity import BATCHES, with_moved
from segbench.measurement.instruments.thread_pools import set_threads
from segbench.measurement.workers.stages import TELLER
from segbench.results.candidate import TOLERANCES
from segbench.runtimes import graphs_of
from segbench.runtimes.agreement import Agreement
from segbench.runtimes.inputs import normalised
from segbench.runtimes.street_scenes import street_pixels

if TYPE_CHECKING:
    from typing import Any

    from segbench.measurement.workers.protocol import Task
    from segbench.measurement.workers.replies import ExportReply
    from segbench.runtimes.graph_files import Takes

RGB = 3


class OfPixels(nn.Module):
    """A network that takes pictures as bytes, (batch, height, width, 3), and normalises them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.training = model.training

    def forward(self, pixels: Tensor) -> Tensor:
        """Return what the model does for the normalised images."""
        found: Tensor = self.model(normalised(pixels).contiguous())
        return found


class ExportInstrument:
    """Writes the graph of one network, reads it again, and compares it with eager."""

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        self._task = task
        self._under_test = ModelUnderTest(task)

    def inspect(self) -> dict[str, Any]:
        """Return what the file is to say of the network, as far as only a call of it tells."""
        self._under_test.check_module()
        return {"outputs": self._under_test.classes, "model": str(self._under_test.spec)}

    def export(self, path: str, takes: Takes, about: str) -> ExportReply:
        """Write the graph, and return how far it is from eager on drawn street scenes.

        Args:
            path: without an ending, where nothing is yet.
            takes: ``uint8`` for a graph that takes pixels and normalises them.
            about: metadata that the file is to have.

        Raises:
            UsageError: the network takes no pictures.
        """
        tested = self._under_test
        if tested.shape[1] != RGB:
            raise UsageError(
                f"graphs are compared on pictures, which have {RGB} channels, and --channels says "
                f"{tested.shape[1]}"
            )
        if not tested.classes:  # nothing was inspected, and no logits were found yet
            tested.check_module()
        batches = list(street_pixels(tested.shape, BATCHES))
        images = [tested.cast(normalised(pixels).contiguous()) for pixels in batches]
        logits_of = tested.strided if tested.runtime.head == "argmax-strided" else tested.logits_of
        expected = [logits_of(each).float() for each in images]
        graphs = graphs_of(tested.runtime.name)
        model, example = tested.headed(), images[0]
        if takes == "uint8":
            model, example = OfPixels(model), batches[0]
        TELLER.begin("preparing")
        target = Path(path).with_suffix(graphs.SUFFIX)
        graphs.write(model, example, target, about=about)
        session = graphs.read(target, tested.runtime, None)
        TELLER.begin("inference")
        agreement = Agreement(tested.runtime.head, TOLERANCES[tested.runtime.precision])
        for given, logits in zip(batches if takes == "uint8" else images, expected, strict=True):
            agreement.add(session.output(session.run(session.feed(given))), logits)
        [port], [found] = session.inputs, session.outputs
        return {
            "dtype": session.dtype,
            "input": {"name": port.name, "shape": list(port.shape or ()), "dtype": port.dtype},
            "output": {"name": found.name, "shape": list(found.shape or ()), "dtype": found.dtype},
            "parity": with_moved(agreement.reply(), tested, images, expected),
        }
