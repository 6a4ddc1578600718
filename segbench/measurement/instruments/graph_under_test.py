"""Graph file under test: a network that was exported, with its input and its session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from segbench.errors import MeasurementError, UsageError
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.workers.stages import TELLER
from segbench.results.candidate import EAGER, GRAPH
from segbench.runtimes import graphs_of
from segbench.runtimes.graph_files import check_reads, read_metadata
from segbench.runtimes.inputs import make_noise
from segbench.runtimes.model import describe_error

if TYPE_CHECKING:
    from segbench.measurement.workers.protocol import Task
    from segbench.runtimes import GraphSession, Port

BYTES = 256
IMAGE_AXES = 4  # batch, channels, height and width, in this order or with the channels last
MAP_AXES = (3, 4)  # classes of pixels; logits


class GraphUnderTest:
    """A graph file in a runtime; what instruments ask of a network that is built, as far as it can.

    Attributes:
        path: the file.
        about: what it says of itself; None where segbench has not exported it.
        images: its input: seeded noise, or bytes where it takes pixels.
        classes: channels of the logits, or what was asked for where classes are handed out.

    Raises:
        UsageError: the file is damaged, is no graph of one input of images and one map, or takes
            images of another size than the task's.
    """

    filled = 0
    lowering = None
    spec = GRAPH

    def __init__(self, task: Task) -> None:
        self.path = Path(str(task.candidate.weights))
        self.runtime = task.candidate.runtime
        check_reads(self.path, self.runtime.name)
        self.about = read_metadata(self.path)
        self._graphs = graphs_of(self.runtime.name)
        self._workload = task.workload
        self.shape = task.workload.shape
        self.device = torch.device("cpu")
        self._session: GraphSession | None = None
        session = self._read()
        self.images = self._make_images(session.inputs)
        self.classes = self._find_classes(session)
        self.dtype = session.dtype

    def _read(self) -> GraphSession:
        TELLER.begin("preparing")
        session = self._graphs.read(self.path, self.runtime, self.shape)
        TELLER.begin("inference")
        return session

    def _make_images(self, inputs: tuple[Port, ...]) -> torch.Tensor:
        """Return an input of the shape and type that the graph takes."""
        if len(inputs) != 1:
            names = ", ".join(repr(each.name) for each in inputs) or "none"
            raise UsageError(
                f"graph file {str(self.path)!r} has {len(inputs)} inputs ({names}); segbench "
                "measures those of one, the images"
            )
        [port] = inputs
        batch, channels, height, width = self.shape
        lengths = port.shape or self.shape
        is_last = len(lengths) == IMAGE_AXES and lengths[3] == channels and lengths[1] != channels
        shape = (batch, height, width, channels) if is_last else self.shape
        fits = len(lengths) == IMAGE_AXES and all(
            length in {None, wanted} for length, wanted in zip(lengths, shape, strict=True)
        )
        if not fits:
            raise UsageError(self._says_its_shape(lengths, is_last=is_last))
        if port.dtype == "uint8":
            generator = torch.Generator().manual_seed(self._workload.seed)
            return torch.randint(BYTES, shape, generator=generator, dtype=torch.uint8)
        if port.dtype not in {"float32", "float16", "float64"}:
            raise UsageError(
                f"graph file {str(self.path)!r} takes {port.dtype}; segbench gives it floats, or "
                "the bytes of pixels"
            )
        noise = make_noise(self.shape, seed=self._workload.seed)
        images = noise.permute(0, 2, 3, 1).contiguous() if is_last else noise
        return images.to(getattr(torch, port.dtype))

    def _says_its_shape(self, lengths: tuple[int | None, ...], *, is_last: bool) -> str:
        said = "x".join("?" if each is None else str(each) for each in lengths)
        begins = f"graph file {str(self.path)!r} takes an input of {said}, and was given images of "
        batch, channels, height, width = self.shape
        given = f"{batch}x{height}x{width}x{channels}" if is_last else _times(self.shape)
        if len(lengths) != IMAGE_AXES:
            return f"{begins}{given}; segbench measures graphs of images alone"
        rows, columns = (lengths[1], lengths[2]) if is_last else (lengths[2], lengths[3])
        options = [
            f"--batch {lengths[0]}" if lengths[0] not in {None, batch} else "",
            f"--size {rows or height}x{columns or width}",
        ]
        return f"{begins}{given}; measure it with {' '.join(filter(None, options))}"

    def _find_classes(self, session: GraphSession) -> int:
        """Run the graph once, and return the classes of the map that it hands out."""
        found = self._checked(session)
        wanted = self._workload.classes
        is_map = found.ndim in MAP_AXES and found.shape[0] == self.shape[0]
        if len(session.outputs) != 1 or not is_map:
            shapes = ", ".join(_times(each.shape or ()) or "?" for each in session.outputs)
            raise UsageError(
                f"graph file {str(self.path)!r} hands out {shapes}; segbench measures graphs of "
                "one map: logits, or the classes of pixels"
            )
        if found.is_floating_point() and found.ndim == IMAGE_AXES:
            form = None if self.about is None else self.about.head
            classes = int(found.shape[-1 if form == "logits-nhwc" else 1])
            if wanted not in {None, classes}:
                raise UsageError(
                    f"graph file {str(self.path)!r} hands out logits of {classes} classes where "
                    f"{wanted} were asked for; leave out --classes"
                )
            return classes
        if self.about is not None and wanted is None:
            return self.about.outputs
        if wanted is None:
            raise UsageError(
                f"graph file {str(self.path)!r} hands out classes, and does not say how many there "
                "are; give --classes"
            )
        return wanted

    def _checked(self, session: GraphSession) -> torch.Tensor:
        try:
            found: torch.Tensor = session.output(session.run(session.feed(self.images)))
        except Exception as error:  # whatever the engine raises
            raise MeasurementError(
                f"graph file {str(self.path)!r} failed on an input of "
                f"{_times(tuple(self.images.shape))}: {describe_error(error)}"
            ) from error
        return found

    @property
    def head(self) -> str:
        """The form of what it hands out, as far as the file says; empty for logits."""
        form = EAGER.head if self.about is None else self.about.head
        return "" if form == EAGER.head else form

    def check_precision(self) -> None:
        """Do nothing: no code of a network is run."""

    def find_logits(self) -> None:
        """Do nothing: the file says what it hands out."""

    def prepare(self) -> None:
        """Let the engine read the file and make it ready."""
        self._session = self._read()
        self._batch: Any = self._session.feed(self.images)

    def infer(self) -> torch.Tensor:
        """Run the first inference; :meth:`prepare` comes before."""
        assert self._session is not None  # noqa: S101 - see above
        return self._checked(self._session)

    def forward(self) -> None:
        """Run one inference and drop what it hands out."""
        assert self._session is not None  # noqa: S101 - see above
        self._session.run(self._batch)

    def cast(self, images: torch.Tensor) -> torch.Tensor:
        """Return images of the type that the graph takes."""
        return images.to(self.images.dtype)

    def hand_out(self, images: torch.Tensor) -> torch.Tensor:
        """Return what it hands out for images of the shape and type that it takes."""
        assert self._session is not None  # noqa: S101 - see above
        session = self._session
        found: torch.Tensor = session.output(session.run(session.feed(images)))
        return found


def _times(shape: tuple[int | None, ...]) -> str:
    return "x".join("?" if each is None else str(each) for each in shape)


def network_under_test(task: Task) -> ModelUnderTest:
    """Return what a task names: a network that is built, or a graph file.

    Of a graph file only what inference needs can be asked; runtimes that read files train none.
    """
    if task.candidate.is_graph:
        return cast("ModelUnderTest", GraphUnderTest(task))
    return ModelUnderTest(task)
