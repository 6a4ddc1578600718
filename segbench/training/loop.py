"""Training loop; every epoch ends in a resumable state."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

import zoo
from segbench.data.cache import Arrays
from segbench.data.scenes import VOID
from segbench.errors import MeasurementError, UsageError
from segbench.runtimes.logits import Heads
from segbench.runtimes.model import network_failures, set_mode
from segbench.training.augmentation import augmented, class_weights
from segbench.training.auxiliary import auxiliary_logits, count_auxiliary, without_auxiliary
from segbench.training.batches import batches, order_of
from segbench.training.config import AUXILIARY, VOID_IS_CLASS, Job
from segbench.training.confusion import ConfusionMatrix
from segbench.training.devices import make_fabric, over_devices, share_buffers
from segbench.training.history import Epoch, Speed, is_finished
from segbench.training.optimizing import as_laid_out, make_average, make_optimizer
from segbench.training.starting_weights import Taken, take_weights
from segbench.training.teachers import Teachers, divergence

if TYPE_CHECKING:
    from zoo.spec import ModelSpec

# Prefixes of the tensors of a state.
MODEL, OPTIMIZER, AVERAGE = "model.", "optimizer.", "average."
AUGMENTATION_SEED = 1  # with seed and epoch, the seed of augmentation on the first device

RUN_STRIDE = 1_000_003  # between the seeds of two runs, more than either has epochs
DEVICE_STRIDE = 1 << 40  # between the seeds of two devices
OnBatch = Callable[[int, int, int, float], None]


def ignore_batch(_epoch: int, _done: int, _count: int, _loss: float) -> None:
    """Do nothing."""


@dataclass
class Trainer:
    """A network in training, with the state that its next epoch depends on.

    Attributes:
        classes: of the data, without void.
        auxiliary_params: parameters of auxiliary heads; None where none train.
        begins: whether the run begins here, and does not go on with a state.
        taken: what it began with of the job's weights.
        teachers: that it learns from, where the recipe distils.
        on_batch: called with the epoch, batches done, all batches, and the mean loss so far.
        history: epochs so far.
        speeds: seconds of the epochs so far.
    """

    job: Job
    train: Arrays
    validation: Arrays
    classes: int
    on_batch: OnBatch = ignore_batch
    begins: bool = True
    teachers: Teachers | None = None
    history: list[Epoch] = field(default_factory=list)
    speeds: list[Speed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spec: ModelSpec = self.job.spec_for(self.classes)
        self._outputs = self.job.outputs_for(self.classes)
        self._heads = Heads(str(self.spec))
        self._void = self.classes if self.job.protocol in VOID_IS_CLASS else VOID
        self._fabric = make_fabric(self.job)
        torch.manual_seed(self.job.seed)
        recipe = self.job.effective_recipe
        to_train = self.job.spec_to_train(self.classes)
        network = zoo.build(to_train)
        self.auxiliary_params: int | None = None
        if to_train != self.spec and to_train.options[AUXILIARY]:
            self.auxiliary_params = count_auxiliary(network, str(self.spec))
        if not any(weight.requires_grad for weight in network.parameters()):
            raise UsageError(
                f"network {str(self.spec)!r} has no parameter that can be trained; set "
                "requires_grad on those that are to be"
            )
        self.taken: Taken | None = None
        if self.job.start is not None and self.begins:
            self.taken = take_weights(network, self.job.start)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network, self.optimizer = self._fabric.setup(network, make_optimizer(network, recipe))
        self.average = make_average(self.network.module, recipe)
        if self.teachers is not None:
            self.teachers.to(self._fabric.device)
        self.loss = nn.CrossEntropyLoss(ignore_index=VOID)  # log-softmax and NLL
        self.balanced_loss = nn.CrossEntropyLoss(self._class_weights(), ignore_index=VOID)
        self.confusion = ConfusionMatrix(self.classes)

    @property
    def is_done(self) -> bool:
        """Whether all epochs are done, or the recipe's patience is exhausted."""
        return is_finished(self.history, self.job.effective_recipe)

    def run_epoch(self) -> Epoch:
        """Train for one epoch and validate.

        Raises:
            MeasurementError: the loss is not finite.
            UsageError: the network returns no logits.
        """
        number = len(self.history) + 1
        recipe = self.job.effective_recipe
        # Each epoch has its own seed, so that a resumed run draws the same.
        torch.manual_seed(self._part[0] * DEVICE_STRIDE + self.job.seed * RUN_STRIDE + number)
        began = time.perf_counter()
        loss = self._train_epoch(number)
        between = time.perf_counter()
        val_loss = self._validate()
        ended = time.perf_counter()
        quality = self.confusion.quality(self.job.protocol)
        epoch = Epoch(
            epoch=number,
            rate=recipe.rate_at((number - 1) * self._steps, recipe.epochs * self._steps),
            loss=loss,
            val_loss=val_loss,
            pixel_accuracy=quality.pixel_accuracy or 0.0,
            miou=quality.miou or 0.0,
        )
        self.history.append(epoch)
        images_per_s = len(self.train.names) / (between - began)
        self.speeds.append(Speed(number, between - began, ended - between, images_per_s))
        return epoch

    @property
    def _steps(self) -> int:
        """Steps of an epoch."""
        return math.ceil(len(self.train.names) / self.job.effective_recipe.batch)

    def _train_epoch(self, number: int) -> float:
        set_mode(self.network, training=True)
        recipe, count = self.job.effective_recipe, self._steps
        order = order_of(len(self.train.names), seed=self.job.seed, epoch=number)
        rank, _ = self._part
        rng = np.random.default_rng([self.job.seed, number, AUGMENTATION_SEED + rank])
        total = 0.0
        parts = self._batches(self.train, order, part=self._part)
        for done, (images, labels) in enumerate(parts, 1):
            rate = recipe.rate_at((number - 1) * count + done - 1, recipe.epochs * count)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            changed, true = augmented(images, labels, recipe, rng)
            with network_failures(str(self.spec), images.shape):
                loss = self._loss(self.network(changed), changed, true)
                self._fabric.backward(loss)
                self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            if self.average is not None:
                self.average.update_parameters(self.network.module)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise MeasurementError(
                    f"the loss became {value} in epoch {number}, batch {done} of {count}; the run "
                    "up to the epoch before is kept"
                )
            total += value
            self.on_batch(number, done, count, total / done)
        return over_devices(self._fabric, total / count, by="mean")

    def _loss(self, output: object, images: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
        """Return the loss of an output in training, with those of heads and teachers."""
        logits = self._logits(self.network, output, images)
        loss: torch.Tensor = self.balanced_loss(logits, true)
        recipe = self.job.effective_recipe
        if self.teachers is not None:
            with self._fabric.autocast():
                softened = self.teachers.softened(images, recipe.temperature)
            found = divergence(logits, softened, true, recipe.temperature)
            loss = loss + recipe.distill * found
        if self.auxiliary_params is not None:
            height, width = images.shape[2:]
            for other in auxiliary_logits(output, (height, width), str(self.spec)):
                loss = loss + recipe.auxiliary * self.balanced_loss(other, true)
        return loss

    def _logits(self, network: nn.Module, output: object, images: torch.Tensor) -> torch.Tensor:
        """Return the logits in what a network returned for images, at their size."""
        batch, channels, height, width = images.shape
        shape = (batch, channels, height, width)
        logits = self._heads.logits(output, shape, training=network.training)
        if logits.shape[1] != self._outputs:
            raise UsageError(
                f"network {str(self.spec)!r} returned logits of {logits.shape[1]} classes, and "
                f"{self._outputs} are to be learnt"
            )
        return logits

    @torch.no_grad()
    def _validate(self) -> float | None:
        """Fill the confusion matrix; return the mean loss of labelled pixels, None without any."""
        network = self._judged
        set_mode(network, training=False)
        share_buffers(self._fabric, network)
        self.confusion = ConfusionMatrix(self.classes)
        total, pixels = 0.0, 0
        rank, devices = self._part
        mine = np.arange(len(self.validation.names))[rank::devices]
        for images, labels in self._batches(self.validation, mine, part=(0, 1)):
            with network_failures(str(self.spec), images.shape), self._fabric.autocast():
                logits = self._logits(network, network(images), images).float()
            judged = int((labels != VOID).sum())
            if judged:
                total += float(self.loss(logits, labels)) * judged
                pixels += judged
            known = labels.masked_fill(labels == self._void, VOID).cpu().numpy()
            self.confusion.add(known, logits.argmax(dim=1).cpu().numpy())
        self.confusion.counts = over_devices(self._fabric, self.confusion.counts)
        loss, count = (over_devices(self._fabric, figure) for figure in (total, pixels))
        return loss / count if count else None

    def _batches(
        self, arrays: Arrays, order: np.ndarray, *, part: tuple[int, int]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return batches(
            arrays,
            order,
            size=self.job.effective_recipe.batch,
            void=self._void,
            device=self._fabric.device,
            part=part,
        )

    def _class_weights(self) -> torch.Tensor | None:
        power = self.job.effective_recipe.balance
        if not power:
            return None
        weights = class_weights(self.train.labels, self._outputs, void=self._void, power=power)
        return weights.to(self._fabric.device)

    @property
    def _judged(self) -> nn.Module:
        """Network that is validated and saved: the running mean of the weights, if there is one."""
        kept = self.network if self.average is None else self.average
        return cast("nn.Module", kept.module)

    @property
    def _part(self) -> tuple[int, int]:
        """Rank of this process, and number of devices."""
        return self._fabric.global_rank, self._fabric.world_size

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return bool(self._fabric.is_global_zero)

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the parameters and buffers to save, without those of auxiliary heads."""
        tensors = self._judged.state_dict()
        return tensors if self.auxiliary_params is None else without_auxiliary(tensors)

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return the state that the next epoch depends on, as tensors and as JSON."""
        tensors = {f"{MODEL}{name}": tensor for name, tensor in self.network.state_dict().items()}
        if self.average is not None:
            kept = self.average.state_dict()
            tensors |= {f"{AVERAGE}{name}": tensor for name, tensor in kept.items()}
        for position, state in self.optimizer.state_dict()["state"].items():
            for name, tensor in state.items():
                tensors[f"{OPTIMIZER}{position}.{name}"] = tensor
        return tensors, {"history": [dataclasses.asdict(epoch) for epoch in self.history]}

    def restore(self, tensors: dict[str, torch.Tensor], history: Sequence[Epoch]) -> None:
        """Restore a state and its history.

        Raises:
            UsageError: it belongs to another network.
        """
        try:
            self.network.load_state_dict(_of(MODEL, tensors))
            if self.average is not None:
                self.average.load_state_dict(_of(AVERAGE, tensors))
            self._restore_optimizer(_of(OPTIMIZER, tensors))
        except (RuntimeError, ValueError, TypeError, LookupError) as error:
            raise UsageError(f"the state is not of network {str(self.spec)!r}") from error
        self.history = list(history)

    def _restore_optimizer(self, tensors: dict[str, torch.Tensor]) -> None:
        """Restore the moments of the parameters, by their positions."""
        state, weights = self.optimizer.state_dict(), list(self.network.parameters())
        for name, tensor in tensors.items():
            position, _, key = name.partition(".")
            of_weight = state["state"].setdefault(int(position), {})
            of_weight[key] = as_laid_out(tensor, weights[int(position)])
        self.optimizer.load_state_dict(state)


def _of(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors with a prefix, by the rest of their names."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
