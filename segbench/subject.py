"""The network under measurement, with its input, its inference and its training step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

import zoo
from segbench.errors import MeasurementError, UsageError
from segbench.origins import check_builder, check_modules
from segbench.pictures import make_noise, read_picture
from segbench.runtimes import find_runtime
from zoo.building import accepts_option
from zoo.spec import ModelSpec

if TYPE_CHECKING:
    from segbench.protocol import Task


DEFAULT_CLASSES = 22  # at which the paper's parameter counts hold


class Subject:
    """A network that was built and seen to return logits of the right size.

    Attributes:
        spec: the specification with every option that was filled in.
        classes: channels of the logits.
        images: the input, (batch, channels, height, width).

    Raises:
        UsageError: the network cannot be built so, does not return one tensor of logits, or is not
            of the tree that the task names.
        MeasurementError: the network fails in its forward pass.
    """

    def __init__(self, task: Task) -> None:
        if task.device == "cuda" and not torch.cuda.is_available():
            raise UsageError(
                "device 'cuda' was asked for, but torch finds no GPU here; use --device cpu"
            )
        check_builder(task)
        spec = ModelSpec.from_json({"name": task.name, "options": task.options})
        if "classes" not in task.options and accepts_option(task.name, "classes"):
            spec = spec.with_options(classes=task.classes or DEFAULT_CLASSES)
        self.spec = spec
        torch.manual_seed(task.seed)
        self.device = torch.device(task.device)
        self.model = zoo.build(spec).to(self.device)
        check_modules(task)
        self.shape = (task.batch, task.channels, task.height, task.width)
        self.images = self._make_images(task)
        self._task = task
        self.classes = 0

    def _make_images(self, task: Task) -> torch.Tensor:
        if task.input is None:
            images = make_noise(self.shape, seed=task.seed)
        else:
            images = read_picture(Path(task.input), shape=self.shape)
        return images.to(self.device)

    def infer(self) -> torch.Tensor:
        """Run one inference and check what it returns, the first time that anything runs."""
        forward = find_runtime(self._task.runtime)(self.model, self.images)
        try:
            logits = forward(self.images)
        except zoo.ZooError:
            raise
        except Exception as error:
            raise MeasurementError(
                f"network {str(self.spec)!r} failed on an input of {_times(self.shape)}: "
                f"{_first_line(error)}"
            ) from error
        self.classes = check_logits(logits, str(self.spec), self.shape)
        wanted = self._task.classes
        if wanted is not None and wanted != self.classes:
            raise UsageError(
                f"network {str(self.spec)!r} returned logits of {self.classes} classes where "
                f"{wanted} were asked for; it has no option 'classes': leave out --classes"
            )
        self._forward = forward
        return logits

    def forward(self) -> None:
        """Run one inference and drop its logits; :meth:`infer` must have run before."""
        self._forward(self.images)

    def start_training(self) -> None:
        """Put the network into training mode, with Adam (lr 1e-3) and random labels.

        Raises:
            UsageError: nothing in the network can be trained.
        """
        if not any(weight.requires_grad for weight in self.model.parameters()):
            raise UsageError(
                f"network {str(self.spec)!r} has no parameter that can be trained, and a training "
                "step is measured too; set requires_grad on those that are to be, or add "
                "--no-training"
            )
        self.model.train()
        batch, _, height, width = self.shape
        generator = torch.Generator().manual_seed(0)
        labels = torch.randint(0, self.classes, (batch, height, width), generator=generator)
        self.labels = labels.to(self.device)
        self.loss = nn.CrossEntropyLoss()  # log-softmax and NLL
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def forward_train(self) -> torch.Tensor:
        """Return the loss of one pass in training mode; every call makes a fresh graph."""
        loss: torch.Tensor = self.loss(self.model(self.images), self.labels)
        return loss

    def forget_gradients(self) -> None:
        """Set all gradients to None."""
        self.optimizer.zero_grad(set_to_none=True)


def check_logits(output: object, name: str, shape: tuple[int, int, int, int]) -> int:
    """Return the number of classes of a network's output.

    Raises:
        UsageError: the output is no floating tensor (batch, classes, height, width).

    >>> check_logits(torch.zeros(1, 5, 8, 8), "mine", (1, 3, 8, 8))
    5
    """
    wanted = f"one tensor of logits (batch, classes, height, width) = ({shape[0]}, classes, "
    wanted += f"{shape[2]}, {shape[3]})"
    if not isinstance(output, torch.Tensor):
        raise UsageError(
            f"network {name!r} returned {_describe(output)}; segbench needs {wanted}: "
            "wrap it in a module that returns that tensor"
        )
    size = tuple(output.shape)
    fits = len(size) == len(shape) and (size[0], *size[2:]) == (shape[0], *shape[2:])
    if not fits or not output.is_floating_point():
        raise UsageError(
            f"network {name!r} returned a {output.dtype} tensor of size {size}; segbench needs "
            f"{wanted}: resize the logits to the input's size inside the network"
        )
    return size[1]


def _describe(output: object) -> str:
    if isinstance(output, dict):
        return f"a dict with keys {', '.join(map(repr, output))}"
    if isinstance(output, tuple | list):
        return f"a {type(output).__name__} of {len(output)}"
    return f"a {type(output).__name__}"


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
