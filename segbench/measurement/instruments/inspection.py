"""The instrument for what is exact: parameters, operations, subnormal numbers. It times nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch

from segbench.errors import UsageError
from segbench.measurement.counting import (
    count_backward,
    count_parameters,
    count_traced_or_dispatched,
)
from segbench.measurement.counting.saved_activations import count_saved_activations
from segbench.measurement.instruments.graph_inspection import inspect_graph
from segbench.measurement.instruments.graph_under_test import GraphUnderTest, network_under_test
from segbench.measurement.instruments.model_under_test import ModelUnderTest
from segbench.measurement.instruments.side_effects import OTHER_THREADS, watch_side_effects
from segbench.measurement.instruments.thread_pools import set_threads
from segbench.results.candidate import DTYPES, EAGER
from segbench.runtimes import can_train, find_runtime
from segbench.runtimes.model import set_mode, why_withheld

if TYPE_CHECKING:
    from segbench.measurement.counting import OperationCount
    from segbench.measurement.workers.protocol import Task
    from segbench.measurement.workers.replies import InspectionReply, SubnormalsReply

T = TypeVar("T")

# Comparisons of a large tensor would take as much new memory again, and a page fault for every
# 4 KiB of it: those take ten times as long as the comparing.
NUMBERS_AT_A_TIME = 1 << 16


class InspectionInstrument:
    """Builds the network, checks its logits, and counts."""

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        self._under_test = network_under_test(task)
        self._withheld: dict[str, str] = {}

    def inspect(self, *, strict: bool, training: bool = True) -> InspectionReply:
        """Return every exact figure of the network; None for what cannot be had, with the reason.

        Raises:
            UsageError: ``strict``, and the network has operators without a counting rule.
        """
        under_test = self._under_test
        if isinstance(under_test, GraphUnderTest):
            return inspect_graph(under_test, strict=strict, training=training)
        with watch_side_effects(under_test.images) as seen:
            subnormals = count_subnormals(under_test)  # the first to run: it also checks the logits
        model, images = under_test.model, under_test.images
        counted = self._have("counts", lambda: count_traced_or_dispatched(model, images))
        forward = None if counted is None else counted.count
        backward = saved = None
        if can_train(under_test.runtime):
            backward = self._have("training", self._count_backward)
        elif training:
            self._withheld["training"] = (
                f"{under_test.runtime} runs inference alone; eager trains in single precision"
            )
        if backward is not None:
            saved = self._have(
                "saved_activations_bytes", lambda: count_saved_activations(model, images)
            )
        uncounted = {
            "forward": _uncounted(forward, threads=seen.threads),
            "backward": _uncounted(backward, threads=seen.threads),
        }
        if strict:
            self._refuse_uncounted(uncounted)
        parameters = count_parameters(under_test.network)
        return {
            "model": under_test.spec.to_json(),
            "classes": under_test.classes,
            "dtype": _dtype_of(under_test),
            "head": str(under_test.head) or None,
            "params": parameters.total,
            "params_trainable": parameters.trainable,
            "weights_bytes": parameters.weights_bytes,
            "macs": {
                "forward": None if forward is None else forward.macs,
                "backward": None if backward is None else backward.macs,
            },
            "flops": {
                "forward": None if forward is None else forward.flops,
                "backward": None if backward is None else backward.flops,
            },
            "uncounted": uncounted,
            "count_method": "none" if counted is None else counted.method,
            "saved_activations_bytes": saved,
            "filled": under_test.filled,
            "subnormals": subnormals,
            "remarks": [*_about_type(images), *seen.remarks],
            "withheld": self._withheld,
        }

    def _count_backward(self) -> OperationCount:
        model = self._under_test.model
        set_mode(model, training=True)  # which a stand-in may have where the network has not
        set_mode(model, training=False)
        return count_backward(model, self._under_test.images)

    def _have(self, figure: str, find: Callable[[], T]) -> T | None:
        """Return a figure; None where the network's own code refuses it, and keep why."""
        try:
            return find()
        except Exception as error:  # noqa: BLE001 - of a network, which may raise anything
            self._withheld[figure] = why_withheld(error, batch=self._under_test.shape[0])
            return None

    def _refuse_uncounted(self, uncounted: dict[str, dict[str, int]]) -> None:
        calls: dict[str, int] = {}
        for operators in uncounted.values():
            for operator, number in operators.items():
                calls[operator] = calls.get(operator, 0) + number
        if calls:
            named = ", ".join(f"{name} ({number})" for name, number in sorted(calls.items()))
            raise UsageError(
                f"network {str(self._under_test.spec)!r} has operators without a counting rule: "
                f"{named}; leave out --strict to count the others"
            )


def _uncounted(count: OperationCount | None, *, threads: int) -> dict[str, int]:
    found = {} if count is None else dict(count.uncounted)
    return {**found, OTHER_THREADS: threads} if threads else found


def _dtype_of(under_test: ModelUnderTest) -> str:
    """Return what is computed with: what the runtime was told, else the type of the weights."""
    precision = under_test.runtime.precision
    if precision != EAGER.precision:
        return DTYPES[precision]
    return str(under_test.images.dtype).removeprefix("torch.")


def _about_type(images: torch.Tensor) -> list[str]:
    if images.dtype is torch.float32:
        return []
    kind = str(images.dtype).removeprefix("torch.")
    return [f"its weights are {kind}, and its input was cast to that"]


def count_subnormals(under_test: ModelUnderTest) -> SubnormalsReply:
    """Count subnormal numbers in the weights, and in what the leaf modules return for the input.

    What scripted modules return is not seen, and another runtime may compute other numbers: None.
    """
    found = 0

    def look(_module: torch.nn.Module, _inputs: object, output: object) -> None:
        nonlocal found
        if isinstance(output, torch.Tensor) and output.is_floating_point():
            found += subnormals_in(output)

    leaves = [module for module in under_test.network.modules() if not any(module.children())]
    seen = [module for module in leaves if not isinstance(module, torch.jit.ScriptModule)]
    hooks = [module.register_forward_hook(look) for module in seen]
    try:
        under_test.check_module()
    finally:
        for hook in hooks:
            hook.remove()
    weights = sum(
        subnormals_in(weight.detach())
        for weight in under_test.network.parameters()
        if weight.is_floating_point()
    )
    is_whole = len(seen) == len(leaves) and find_runtime(under_test.runtime.name).runs_modules
    return {"weights": weights, "activations": found if is_whole else None}


def subnormals_in(numbers: torch.Tensor) -> int:
    """Count the numbers that are not zero but smaller than the smallest normal one.

    >>> subnormals_in(torch.tensor([0.0, 1e-40, -1e-40, 1.0]))
    2
    """
    smallest = torch.finfo(numbers.dtype).tiny
    sizes = (part.abs() for part in numbers.flatten().split(NUMBERS_AT_A_TIME))
    return sum(int(((size > 0) & (size < smallest)).sum()) for size in sizes)
