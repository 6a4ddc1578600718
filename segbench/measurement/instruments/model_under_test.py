"""Model under test: a network with its input, its inference and its training step."""

from __future__ import annotations

import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn

import zoo
from segbench.errors import MeasurementError, UsageError
from segbench.measurement.instruments.import_check import allow_code, check_builder, check_modules
from segbench.measurement.workers.stages import TELLER
from segbench.results.candidate import DTYPES, EAGER
from segbench.results.profile import Lowering
from segbench.runtimes import find_runtime, prepare, profile_layers, rewritings_of
from segbench.runtimes.heads import WithForm, check_form
from segbench.runtimes.inputs import make_noise, read_picture
from segbench.runtimes.logits import Heads, WithHead
from segbench.runtimes.lowering import lower, lower_argmax
from segbench.runtimes.model import network_failures, set_mode
from segbench.runtimes.norm_statistics import fill_statistics
from segbench.runtimes.single_precision import check_single_precision
from segbench.runtimes.weights import load_weights
from zoo.building import names_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from segbench.measurement.workers.protocol import Task
    from segbench.runtimes import Session
    from segbench.runtimes.executed_layers import ExecutedLayer
    from segbench.runtimes.logits import Head


DEFAULT_CLASSES = 22  # at which the paper's parameter counts hold


class ModelUnderTest:
    """A network that was built, its input, and the session of its runtime.

    Attributes:
        spec: the specification with every option that was filled in.
        network: as its builder returned it.
        model: the same with its head, which returns logits alone.
        running: the network as it runs: rewritten, once it is prepared, where its runtime is to.
        classes: channels of the logits.
        filled: batch norms that were given statistics as if they had been trained.
        images: the input, (batch, channels, height, width), of the weights' type.
        lowering: how the network was rewritten for its runtime, once it is prepared; None where it
            runs as it is.

    Raises:
        UsageError: the network cannot be built so, does not return logits, or is not of the tree
            that the task names.
        MeasurementError: the network fails in its forward pass.
    """

    def __init__(self, task: Task) -> None:
        TELLER.begin(None)
        workload, asked = task.workload, task.candidate.spec
        if workload.device == "cuda" and not torch.cuda.is_available():
            raise UsageError(
                "device 'cuda' was asked for, but torch finds no GPU here; use --device cpu"
            )
        allow_code(task)
        check_builder(task)
        spec = asked
        if "classes" not in asked.options and names_option(asked.name, "classes"):
            spec = asked.with_options(classes=workload.classes or DEFAULT_CLASSES)
        self.spec = spec
        self.runtime = task.candidate.runtime
        torch.manual_seed(workload.seed)
        self.device = torch.device(workload.device)
        self.network = zoo.build(spec).to(self.device)
        check_modules(task)
        self.filled = 0
        if task.candidate.weights is None:
            self.filled = fill_statistics(self.network, seed=workload.seed)
        else:
            load_weights(self.network, task.candidate.weights)
        self._store = None if task.store is None else Path(task.store)
        self.shape = workload.shape
        self.images = self._make_images(task)
        self._failures = network_failures(str(spec), self.shape)
        self.heads = Heads(str(spec), part=workload.logits, enlarge=workload.enlarge)
        self.model = WithHead(self.network, self.heads)
        self._workload = workload
        self._session: Session | None = None
        self._module_s = 0.0  # of a call of the network itself
        self.running = self.network
        self._headed: nn.Module | None = None
        self.lowering: Lowering | None = None
        self.classes = 0

    def _make_images(self, task: Task) -> torch.Tensor:
        if task.picture is None:
            images = make_noise(self.shape, seed=task.workload.seed)
        else:
            images = read_picture(Path(task.picture), shape=self.shape)
        return images.to(self.device, dtype_of(self.network))

    @property
    def head(self) -> Head:
        """How the logits come out of what the network returns; a call must have been checked."""
        return self.heads.of(None, self.shape, training=False)

    def prepare(self) -> None:
        """Make the network ready to run in its runtime.

        What calls modules takes the network itself, for where its logits are is seen in the first
        call. Others are given a module that returns logits: :meth:`find_logits` comes before.
        """
        self._lower()
        if self._runs_modules:
            self._prepare(self.running)
            return
        TELLER.begin("preparing")
        self._prepare(self.headed())
        TELLER.begin("inference", module_s=self._module_s)

    def _lower(self) -> None:
        """Rewrite the network as its runtime wants it, once."""
        rewritings = rewritings_of(self.runtime)
        if rewritings and self.lowering is None:
            self.running, self.lowering = lower(self.network, self.images, rewritings)

    def _prepare(self, model: nn.Module) -> None:
        with self._failures:
            self._session = prepare(model, self.images, self.runtime, self._store)
            self._batch = self._session.feed(self.images)

    def headed(self) -> nn.Module:
        """Return the network with its head, which hands logits out in the candidate's form."""
        if self._headed is None:
            self._lower()
            self._headed = self._with_form()
        return self._headed

    def _with_form(self) -> nn.Module:
        form = self.runtime.head
        heads = self.heads.at_stride() if form == "argmax-strided" else self.heads
        model = WithHead(self.running, heads)
        if form == EAGER.head:
            return model
        is_rewritten = form.startswith("argmax") and "argmax" in rewritings_of(self.runtime)
        if self.lowering is None or self._runs_modules or not is_rewritten:
            return WithForm(model, form)
        is_bare = heads.of(None, self.shape, training=False).is_plain
        found, how = lower_argmax(model, self.images, bare=self.running if is_bare else None)
        self.lowering = Lowering(self.lowering.applied + how.applied, self.lowering.left + how.left)
        if is_bare and isinstance(found, fx.GraphModule):
            self.running = found
        return found

    def executed_layers(self, folder: Path) -> list[ExecutedLayer]:
        """Return what the runtime's engine executes; :meth:`find_logits` comes before.

        Args:
            folder: for files of the engine.
        """
        with self._failures:
            return profile_layers(self.headed(), self.images, self.runtime, self._store, folder)

    @property
    def prefix(self) -> str:
        """The network's name within the module that an engine is given."""
        modules = self.headed().named_modules()
        return str(next(name for name, module in modules if module is self.running))

    @property
    def _runs_modules(self) -> bool:
        return find_runtime(self.runtime.name).runs_modules

    @property
    def dtype(self) -> str:
        """What is computed with, by torch's name: as the engine says once it is prepared."""
        if self.runtime.precision == EAGER.precision and self._runs_modules:
            return str(self.images.dtype).removeprefix("torch.")  # of the weights
        return DTYPES[self.runtime.precision] if self._session is None else self._session.dtype

    def find_logits(self) -> None:
        """Call the network itself, where its runtime is to be given what is found in its output."""
        if not self._runs_modules:
            self.check_module()

    def check_module(self) -> torch.Tensor:
        """Call the network itself once, whatever its runtime, and return its logits."""
        TELLER.begin(None)
        with self._failures:
            session = prepare(self.network, self.images, EAGER)
        began_s = time.perf_counter()
        logits = self._check(lambda: session.run(self.images))
        self._module_s = time.perf_counter() - began_s
        return logits

    def infer(self) -> torch.Tensor:
        """Run the first inference and check what it returns; :meth:`prepare` comes before."""
        assert self._session is not None  # noqa: S101 - see above
        session = self._session
        if not self._runs_modules:
            with self._failures:
                found: torch.Tensor = session.output(session.run(self._batch))
            return found
        logits = self._check(lambda: session.output(session.run(self._batch)))
        if not self.head.is_plain or self.runtime.head != EAGER.head:
            self._prepare(self.headed())
        return logits

    def cast(self, images: torch.Tensor) -> torch.Tensor:
        """Return images on the device, of the type of the weights."""
        return images.to(self.device, self.images.dtype)

    def logits_of(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits of the network itself, enlarged as its head is."""
        with self._failures, torch.no_grad():
            return self.heads.of(None, self.shape, training=False).logits(self.network(images))

    def strided(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits of the network itself, at its own stride."""
        heads = self.heads.at_stride()
        with self._failures, torch.no_grad():
            return heads.logits(self.network(images), self.shape, training=False)

    def hand_out(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the session hands out for images; :meth:`infer` comes before."""
        assert self._session is not None  # noqa: S101 - see above
        if not self._runs_modules:
            TELLER.begin("inference", module_s=self._module_s)
        with self._failures:
            found: torch.Tensor = self._session.output(
                self._session.run(self._session.feed(images))
            )
        return found

    def _check(self, call: Callable[[], object]) -> torch.Tensor:
        """Find the logits in what a call of the network itself returns."""
        try:
            with self._failures:
                output = call()
        except MeasurementError as error:
            hint = _hint_at_channels(self.network, self._workload.channels)
            if not hint:
                raise
            raise MeasurementError(f"{error}{hint}") from error.__cause__
        head = self.heads.of(output, self.shape, training=False)
        with self._failures, torch.no_grad():
            logits = head.logits(output)
        self._check_classes(logits.shape[1])
        self.check_precision()
        self._labels_size = tuple(logits.shape[2:])
        return logits

    def check_precision(self) -> None:
        """Refuse single precision that is none, as the network's code may have asked of torch.

        Raises:
            UsageError: it is computed with a narrower type.
        """
        if self.device.type == "cpu" and self.images.dtype == torch.float32:
            check_single_precision(str(self.spec))

    def _check_classes(self, found: int) -> None:
        self.classes = found
        check_form(self.runtime.head, found)
        wanted = self._workload.classes
        if wanted is not None and wanted != found:
            raise UsageError(
                f"network {str(self.spec)!r} returned logits of {found} classes where "
                f"{wanted} were asked for; it has no option 'classes': leave out --classes, or "
                "give the option that it has instead"
            )

    _batch: Any
    _labels_size: tuple[int, ...] = ()

    def forward(self) -> None:
        """Run one inference and drop its logits; :meth:`infer` must have run before."""
        assert self._session is not None  # noqa: S101 - see above
        with self._failures:
            self._session.run(self._batch)

    def start_training(self) -> None:
        """Put the network into training mode, with Adam (lr 1e-3) and random labels.

        Raises:
            UsageError: nothing in the network can be trained, or it has no training mode.
        """
        if not any(weight.requires_grad for weight in self.network.parameters()):
            raise UsageError(
                f"network {str(self.spec)!r} has no parameter that can be trained; set "
                "requires_grad on those that are to be"
            )
        if _keeps_inference_tensors(self.network):
            # What an inference has left in the network, autograd would refuse to save.
            with torch.no_grad(), self._failures:
                self.network(self.images)
        set_mode(self.model, training=True)
        batch, *_ = self.shape
        generator = torch.Generator().manual_seed(0)
        labels = torch.randint(0, self.classes, (batch, *self._labels_size), generator=generator)
        self.labels = labels.to(self.device)
        self.loss = nn.CrossEntropyLoss()  # log-softmax and NLL
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3)

    def forward_train(self) -> torch.Tensor:
        """Return the loss of one pass in training mode; every call makes a fresh graph."""
        with self._failures:
            output = self.network(self.images)
            logits = self.heads.logits(output, self.shape, training=True)
            loss: torch.Tensor = self.loss(logits, self.labels)
        return loss

    def backward(self, loss: torch.Tensor) -> None:
        """Run the backward pass of a loss."""
        with self._failures:
            loss.backward()

    def forget_gradients(self) -> None:
        """Set all gradients to None."""
        self.optimizer.zero_grad(set_to_none=True)


def dtype_of(network: nn.Module) -> torch.dtype:
    """Return the type of a network's first weights, which its input is cast to.

    >>> dtype_of(nn.Conv2d(3, 8, 1).half())
    torch.float16
    """
    tensors = chain(network.parameters(), network.buffers())
    return next((each.dtype for each in tensors if each.is_floating_point()), torch.float32)


def _hint_at_channels(network: nn.Module, given: int) -> str:
    """Say what the network's first convolution takes, where that may be why it failed."""
    first = next((each for each in network.modules() if isinstance(each, nn.Conv2d)), None)
    if first is None or first.in_channels == given:
        return ""
    wanted = first.in_channels
    return f"; its first convolution takes {wanted} channels: try --channels {wanted}"


def _keeps_inference_tensors(network: nn.Module) -> bool:
    """Tell whether a module holds a tensor that was made in inference mode."""
    held = (value for module in network.modules() for value in vars(module).values())
    listed = (
        part
        for value in held
        for part in (
            value.values()
            if isinstance(value, dict)
            else value
            if isinstance(value, list | tuple)
            else (value,)
        )
    )
    return any(isinstance(part, torch.Tensor) and part.is_inference() for part in listed)
