"""Trained networks, ready to classify the pixels of images in their runtime."""

from __future__ import annotations

import contextlib
import weakref
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

import zoo
from segbench.errors import UsageError
from segbench.measurement.instruments.inference import HANDED_OUT, IMAGES
from segbench.measurement.settings import RGB, Settings
from segbench.measurement.temporary import held_folder
from segbench.measurement.workers.supervisor import Worker
from segbench.results.candidate import EAGER, Candidate, calibration_of
from segbench.results.workload import DEFAULT
from segbench.runtimes import check_runtime
from segbench.runtimes.graph_files import read_metadata
from segbench.runtimes.inputs import normalised
from segbench.runtimes.logits import find_head
from segbench.runtimes.model import network_failures, set_mode
from segbench.runtimes.weights import set_weights
from segbench.training.run_folder import WeightsMetadata, read_checkpoint
from zoo.allowed import check_allowed
from zoo.weights import find_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

    from segbench.data.scenes import LabelClass, Pixels
    from segbench.measurement.workers.replies import InferenceReply
    from segbench.results.candidate import RuntimeSpec
    from segbench.runtimes.graph_files import Takes

STRIDED = "argmax-strided"


def load_network(path: Path) -> tuple[nn.Module, WeightsMetadata]:
    """Build the network of a checkpoint with its weights, in evaluation mode.

    Raises:
        UsageError: the checkpoint cannot be read, or its weights do not fit its network.
        ZooError: its network cannot be built, or its code was not allowed to be imported.
    """
    tensors, about = read_checkpoint(path, WeightsMetadata)
    check_allowed(about.model.name, source=f"the checkpoint {str(path)!r}")
    network = zoo.build(about.model.spec)
    set_weights(network, tensors, path)
    set_mode(network, training=False)
    laid_out: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return laid_out, about


class TrainedNetwork:
    """A trained network in a runtime; eager PyTorch takes batches of any shape, others one.

    Args:
        candidate: with weights, and the runtime that they run in.

    Attributes:
        path: the file of its weights.
        about: what that says of them.

    Raises:
        UsageError: the weights cannot be read, do not fit their network, or the runtime is not
            possible here.
    """

    def __init__(self, candidate: Candidate) -> None:
        assert candidate.weights is not None  # noqa: S101 - what is read as one has them
        check_runtime(candidate.runtime)
        _refuse_strided(candidate.runtime.head)
        _refuse_uncalibrated(candidate)
        if candidate.threads is not None:
            torch.set_num_threads(candidate.threads)  # of eager; workers have their own
        self.candidate = candidate
        self.path = find_weights(candidate.weights)
        self.network, self.about = load_network(self.path)
        self._engine: _Engine | None = None

    @property
    def runtime(self) -> RuntimeSpec:
        """What it runs in."""
        return self.candidate.runtime

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """What it tells apart, with the colours."""
        return self.about.classes

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that images had in training."""
        return self.about.job.size

    @property
    def hands_out_classes(self) -> bool:
        """Whether the head leaves no logits."""
        return self.runtime.head.startswith("argmax")

    @property
    def dtype(self) -> str | None:
        """What its engine computes with, by torch's name; None before the first batch."""
        return None if self._engine is None else self._engine.dtype

    def logits_of(self, pixels: Pixels) -> Tensor:
        """Return the logits of images in eager: one channel a class, and one of void if learnt.

        Args:
            pixels: bytes of red, green and blue, (batch, height, width, 3).

        Raises:
            UsageError: the network returns something else.
        """
        images = normalised(torch.from_numpy(pixels.copy()))
        batch, channels, height, width = images.shape
        with network_failures(str(self.about.model.spec), (batch, channels, height, width)):
            output = self.network(images)
        head = find_head(output, "of the checkpoint", (batch, channels, height, width))
        logits = head.logits(output)
        self._check_classes(logits.shape[1])
        return logits

    def hand_out(self, pixels: Pixels, *, batch: int = 1) -> Tensor:
        """Return what the runtime hands out for images: logits, or the classes of their pixels.

        Args:
            pixels: likewise, at most as many images as the batch.
            batch: that the engine is prepared for, when it gets its first.
        """
        if self.runtime == EAGER:
            return self.logits_of(pixels)
        if self._engine is None:
            self.logits_of(pixels[:1])  # which refuses what does not fit the classes
            self._engine = _Engine(self.candidate, batch, tuple(pixels.shape[1:3]))
        return self._engine.hand_out(normalised(torch.from_numpy(pixels.copy())))

    def in_classes(self, found: Tensor) -> Tensor:
        """Return the class ids (batch, height, width) of what was handed out."""
        return found if self.hands_out_classes else self.channels_first(found).argmax(dim=1)

    def channels_first(self, found: Tensor) -> Tensor:
        """Return logits that were handed out as (batch, classes, height, width)."""
        return _channels_first(found, self.runtime.head)

    def _check_classes(self, found: int) -> None:
        classes = len(self.about.classes)
        if found not in {classes, classes + 1}:
            raise UsageError(
                f"the checkpoint's network returned logits of {found} classes, and it names "
                f"{classes}; give best.safetensors of a run"
            )


class GraphClassifier:
    """A graph file that segbench has exported, and the engine that runs it.

    Args:
        candidate: with the file, and the runtime that it runs in.

    Attributes:
        path: the file.
        classes: that it tells apart, with their colours.
        size: height and width of its images.

    Raises:
        UsageError: the file cannot be read, or does not say what its classes are.
    """

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.path = Path(str(candidate.weights))
        about = read_metadata(self.path)
        if about is None or about.classes is None:
            raise UsageError(
                f"graph file {str(self.path)!r} does not say what its classes are; give one that "
                "segbench export made of trained weights"
            )
        _refuse_strided(about.head)
        self.classes = about.classes
        self.size = about.size
        self._about = about
        self._engine: _Engine | None = None

    @property
    def hands_out_classes(self) -> bool:
        """Whether the graph leaves no logits."""
        return self._about.head.startswith("argmax")

    def hand_out(self, pixels: Pixels) -> Tensor:
        """Return what the graph hands out for one image as bytes, (1, height, width, 3)."""
        if self._engine is None:
            self._engine = _Engine(self.candidate, 1, self.size, takes=self._about.takes)
        images = torch.from_numpy(pixels.copy())
        return self._engine.hand_out(images if self._about.takes == "uint8" else normalised(images))

    def channels_first(self, found: Tensor) -> Tensor:
        """Return logits that were handed out as (batch, classes, height, width)."""
        return _channels_first(found, self._about.head)


def classifier_of(candidate: Candidate) -> TrainedNetwork | GraphClassifier:
    """Return trained weights, or a graph file, ready to classify the pixels of images."""
    return GraphClassifier(candidate) if candidate.is_graph else TrainedNetwork(candidate)


def _channels_first(found: Tensor, head: str) -> Tensor:
    return found.permute(0, 3, 1, 2) if head == "logits-nhwc" else found


def _refuse_strided(head: str) -> None:
    if head == STRIDED:
        raise UsageError(
            f"head {STRIDED!r} hands out classes at the network's own stride, and labels and "
            "pictures need one a pixel; take head=argmax"
        )


def _refuse_uncalibrated(candidate: Candidate) -> None:
    calibration = calibration_of(candidate)
    if calibration is not None:
        raise UsageError(
            f"{str(candidate)!r} would be calibrated on {calibration}, which is enough to time it "
            "and not to judge it; evaluate fp32 or bf16"
        )


class _Engine:
    """A candidate in its runtime, for batches of one shape; it runs in a worker."""

    def __init__(
        self, candidate: Candidate, batch: int, size: tuple[int, ...], *, takes: Takes = "float"
    ) -> None:
        self._batch = batch
        is_bytes = takes == "uint8"
        shape = (batch, *size, RGB) if is_bytes else (batch, RGB, *size)
        kind = np.uint8 if is_bytes else np.float32
        workload = replace(DEFAULT, batch=batch, height=size[0], width=size[1])
        settings = Settings(workload=workload, threads=candidate.threads)
        task = settings.task(candidate)
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(held_folder("segbench-inference-", holds=r"\w+\.npy"))
            self._images = np.lib.format.open_memmap(folder / IMAGES, "w+", kind, shape)
            asked = {"do": "prepare", "folder": str(folder)}
            self._worker = stack.enter_context(Worker(task, "inference", then=asked))
            found = cast("InferenceReply", self._worker.receive())
            weakref.finalize(self, stack.pop_all().close)
        self.dtype = found["dtype"]
        self._handed_out = np.load(folder / HANDED_OUT, mmap_mode="r")

    def hand_out(self, images: Tensor) -> Tensor:
        """Return what is handed out for images, of which the last batch may have too few."""
        count = images.shape[0]
        self._images[:count] = images.numpy()
        self._worker.ask("run")
        return torch.from_numpy(np.array(self._handed_out[:count]))
