"""The instrument for what is exact: parameters, operations, subnormal numbers. It times nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from segbench.counting import count_backward, count_parameters, count_traced_or_dispatched
from segbench.counting.saved_activations import count_saved_activations
from segbench.errors import UsageError
from segbench.instruments.pools import set_threads
from segbench.subject import Subject

if TYPE_CHECKING:
    from segbench.protocol import Task

# Comparisons of a large tensor would take as much new memory again, and a page fault for every
# 4 KiB of it: those take ten times as long as the comparing.
NUMBERS_AT_A_TIME = 1 << 16


class InspectionInstrument:
    """Builds the network, checks its logits, and counts."""

    def __init__(self, task: Task) -> None:
        set_threads(task.threads)
        self._subject = Subject(task)

    def inspect(self, *, strict: bool) -> dict[str, Any]:
        """Return every exact figure of the network.

        Raises:
            UsageError: ``strict``, and the network has operators without a counting rule.
        """
        subject = self._subject
        subnormals = count_subnormals(subject)  # the first to run: it also checks the logits
        counted = count_traced_or_dispatched(subject.model, subject.images)
        forward = counted.count
        backward = count_backward(subject.model, subject.images)
        uncounted = dict(forward.uncounted)
        for operator, calls in dict(backward.uncounted).items():
            uncounted[operator] = uncounted.get(operator, 0) + calls
        if strict and uncounted:
            named = ", ".join(f"{name} ({calls})" for name, calls in sorted(uncounted.items()))
            raise UsageError(
                f"network {str(subject.spec)!r} has operators without a counting rule: {named}; "
                "leave out --strict to count the others"
            )
        parameters = count_parameters(subject.model)
        return {
            "model": subject.spec.to_json(),
            "classes": subject.classes,
            "params": parameters.total,
            "params_trainable": parameters.trainable,
            "weights_bytes": parameters.weights_bytes,
            "macs": {"forward": forward.macs, "backward": backward.macs},
            "flops": {"forward": forward.flops, "backward": backward.flops},
            "uncounted_ops": uncounted,
            "count_method": counted.method,
            "saved_activations_bytes": count_saved_activations(subject.model, subject.images),
            "subnormals": subnormals,
        }


def count_subnormals(subject: Subject) -> dict[str, int]:
    """Count subnormal numbers in the weights, and in what the leaf modules return for the input."""
    found = 0

    def look(_module: torch.nn.Module, _inputs: object, output: object) -> None:
        nonlocal found
        if isinstance(output, torch.Tensor) and output.is_floating_point():
            found += subnormals_in(output)

    leaves = [module for module in subject.model.modules() if not any(module.children())]
    hooks = [module.register_forward_hook(look) for module in leaves]
    try:
        subject.infer()
    finally:
        for hook in hooks:
            hook.remove()
    weights = sum(subnormals_in(weight.detach()) for weight in subject.model.parameters())
    return {"weights": weights, "activations": found}


def subnormals_in(numbers: torch.Tensor) -> int:
    """Count the numbers that are not zero but smaller than the smallest normal one.

    >>> subnormals_in(torch.tensor([0.0, 1e-40, -1e-40, 1.0]))
    2
    """
    smallest = torch.finfo(numbers.dtype).tiny
    sizes = (part.abs() for part in numbers.flatten().split(NUMBERS_AT_A_TIME))
    return sum(int(((size > 0) & (size < smallest)).sum()) for size in sizes)
