"""The loop: epochs of training and validation, each of which can be the last before a kill."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

import zoo
from segbench.confusion import ConfusionMatrix
from segbench.data.cache import Arrays
from segbench.data.scenes import VOID
from segbench.errors import MeasurementError, UsageError
from segbench.subject import check_logits
from segbench.training.batches import batches, order_of
from segbench.training.history import Epoch, Speed, best_of
from segbench.training.job import VOID_IS_CLASS, Job

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from zoo.spec import ModelSpec

PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}
MODEL, OPTIMIZER = "model.", "optimizer."  # what tensors of a state begin with

EPOCHS_APART = 1_000_003  # between the seeds of two runs, more than either has epochs
OnBatch = Callable[[int, int, int, float], None]


def ignore_batch(_epoch: int, _done: int, _count: int, _loss: float) -> None:
    """Show nothing."""


@dataclass
class Trainer:
    """A network in training, and all that its next epoch depends on.

    Attributes:
        classes: of the data, void not counted.
        on_batch: called with the epoch, batches done, all of them, and the mean loss so far.
        history: the epochs that are behind it.
        speeds: how long those of this process took.
    """

    job: Job
    train: Arrays
    validation: Arrays
    classes: int
    on_batch: OnBatch = ignore_batch
    history: list[Epoch] = field(default_factory=list)
    speeds: list[Speed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spec: ModelSpec = self.job.spec_for(self.classes)
        self._void = self.classes if self.job.protocol in VOID_IS_CLASS else VOID
        self._fabric = _make_fabric(self.job)
        torch.manual_seed(self.job.seed)
        plan = self.job.plan
        network = zoo.build(self.spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.Adam(
            network.parameters(), lr=plan.rate, betas=plan.betas, eps=plan.epsilon
        )
        self.network, self.optimizer = self._fabric.setup(network, optimizer)
        self.loss = nn.CrossEntropyLoss(ignore_index=VOID)  # log-softmax and NLL
        self.confusion = ConfusionMatrix(self.classes)

    @property
    def is_done(self) -> bool:
        """Whether there is no epoch left, or none has been better for long enough."""
        plan, best = self.job.plan, best_of(self.history)
        waited = len(self.history) - best.epoch if best else 0
        return len(self.history) >= plan.epochs or waited >= plan.patience

    def run_epoch(self) -> Epoch:
        """Train for one epoch and validate.

        Raises:
            MeasurementError: the loss is no number any more.
            UsageError: the network returns something else than logits.
        """
        number = len(self.history) + 1
        # The epoch draws from its own seed, not from where the last one stopped.
        torch.manual_seed(self.job.seed * EPOCHS_APART + number)
        began = time.perf_counter()
        loss = self._train_epoch(number)
        between = time.perf_counter()
        val_loss = self._validate()
        ended = time.perf_counter()
        quality = self.confusion.quality(self.job.protocol)
        epoch = Epoch(
            epoch=number,
            rate=self.job.plan.rate,
            loss=loss,
            val_loss=val_loss,
            pixel_accuracy=quality.pixel_accuracy or 0.0,
            miou=quality.miou or 0.0,
        )
        self.history.append(epoch)
        images_per_s = len(self.train.names) / (between - began)
        self.speeds.append(Speed(number, between - began, ended - between, images_per_s))
        return epoch

    def _train_epoch(self, number: int) -> float:
        self.network.train()
        order = order_of(len(self.train.names), seed=self.job.seed, epoch=number)
        count = math.ceil(len(order) / self.job.plan.batch)
        total = 0.0
        for done, (images, labels) in enumerate(self._batches(self.train, order), 1):
            logits = self.network(images)
            if number == 1 and done == 1:
                self._check(logits, images)
            loss = self.loss(logits, labels)
            self._fabric.backward(loss)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise MeasurementError(
                    f"the loss became {value} in epoch {number}, batch {done} of {count}; the run "
                    "up to the epoch before is kept"
                )
            total += value
            self.on_batch(number, done, count, total / done)
        return total / count

    def _check(self, logits: torch.Tensor, images: torch.Tensor) -> None:
        batch, channels, height, width = images.shape
        found = check_logits(logits, str(self.spec), (batch, channels, height, width))
        outputs = self.spec.options["classes"]
        if found != outputs:
            raise UsageError(
                f"network {str(self.spec)!r} returned logits of {found} classes, and {outputs} "
                "are to be learnt"
            )

    @torch.no_grad()
    def _validate(self) -> float:
        """Fill the confusion matrix, and return the mean loss of a labelled pixel."""
        self.network.eval()
        self.confusion = ConfusionMatrix(self.classes)
        total, pixels = 0.0, 0
        everything = np.arange(len(self.validation.names))
        for images, labels in self._batches(self.validation, everything):
            logits = self.network(images)
            judged = int((labels != VOID).sum())
            if judged:
                total += float(self.loss(logits, labels)) * judged
                pixels += judged
            known = labels.masked_fill(labels == self._void, VOID).cpu().numpy()
            self.confusion.add(known, logits.argmax(dim=1).cpu().numpy())
        return total / pixels if pixels else math.nan

    def _batches(
        self, arrays: Arrays, order: np.ndarray
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return batches(
            arrays,
            order,
            size=self.job.plan.batch,
            void=self._void,
            device=self._fabric.device,
        )

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the network's parameters and buffers."""
        return cast("dict[str, torch.Tensor]", self.network.state_dict())

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return all that the next epoch depends on, as tensors and as JSON."""
        tensors = {f"{MODEL}{name}": tensor for name, tensor in self.weights().items()}
        for position, state in self.optimizer.state_dict()["state"].items():
            for name, tensor in state.items():
                tensors[f"{OPTIMIZER}{position}.{name}"] = tensor
        return tensors, {"history": [dataclasses.asdict(epoch) for epoch in self.history]}

    def restore(self, tensors: dict[str, torch.Tensor], about: dict[str, Any]) -> None:
        """Go back to a state.

        Raises:
            UsageError: it is that of another network.
        """
        weights = {
            name.removeprefix(MODEL): tensor
            for name, tensor in tensors.items()
            if name.startswith(MODEL)
        }
        optimizer = self.optimizer.state_dict()
        for name, tensor in tensors.items():
            if name.startswith(OPTIMIZER):
                position, _, key = name.removeprefix(OPTIMIZER).partition(".")
                optimizer["state"].setdefault(int(position), {})[key] = tensor
        try:
            self.network.load_state_dict(weights)
            self.optimizer.load_state_dict(optimizer)
        except (RuntimeError, ValueError) as error:
            raise UsageError(f"the state is not of network {str(self.spec)!r}") from error
        self.history = [Epoch(**fields) for fields in about["history"]]


def _make_fabric(job: Job) -> Fabric:
    from lightning_fabric import Fabric  # noqa: PLC0415 - it takes a second

    if job.device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "device 'cuda' was asked for, but torch finds no GPU here; use --device cpu"
        )
    precision: Any = PRECISIONS[job.precision]
    return Fabric(accelerator=job.device, devices=1, precision=precision)
