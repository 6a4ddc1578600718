"""A network that runs: its mode, what it must return, and what is said where its own code fails."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segbench.errors import MeasurementError, SegbenchError, UsageError, one_line
from zoo.errors import ZooError

if TYPE_CHECKING:
    from types import TracebackType

    from torch import nn

# What torch's allocators say; that for the CPU raises a RuntimeError like any other.
_ONE_VALUE = "more than 1 value per channel"  # what batch norm says, of a pooled map for one
_OUT_OF_MEMORY = ("can't allocate memory", "CUDA out of memory")


def set_mode(model: nn.Module, *, training: bool) -> None:
    """Put a network into training or evaluation mode, whatever its own ``train()`` returns.

    A module of ``torch.export`` has the one mode that it was exported in; it is taken as it is for
    evaluation.

    Raises:
        UsageError: it has no training mode.

    >>> import torch
    >>> network = torch.nn.ReLU()
    >>> set_mode(network, training=False)
    >>> network.training
    False
    """
    try:
        model.train(training)
    except NotImplementedError as error:  # what torch.export's modules raise
        if training:
            raise UsageError(
                "it has no training mode, as torch.export leaves it; measure it with --no-training"
            ) from error


def network_failures(label: str, shape: Sequence[int]) -> AbstractContextManager[None]:
    r"""Return a context in which whatever a network's own code raises becomes one line.

    What segbench or the zoo raises passes as it is, and so does Ctrl-C. The context may be entered
    again and again, and costs a call next to nothing.

    Args:
        label: the network, as it was asked for.
        shape: of its input: (batch, channels, height, width).

    Raises:
        MeasurementError: the code within failed, ran out of memory, or wanted to end the process.

    >>> with network_failures("net", (1, 3, 8, 8)):
    ...     raise ValueError("small\nand more")
    Traceback (most recent call last):
    segbench.errors.MeasurementError: network 'net' failed on an input of 1x3x8x8: ValueError: small
    """
    return _Failures(label, tuple(shape))


@dataclass(frozen=True, slots=True)
class _Failures(AbstractContextManager[None]):
    label: str
    shape: tuple[int, ...]

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception | SystemExit) and not isinstance(
            error, SegbenchError | ZooError
        ):
            raise MeasurementError(failure_line(error, self.label, self.shape)) from error


def failure_line(error: BaseException, label: str, shape: Sequence[int]) -> str:
    """Return one line on what a network's own code raised; see :func:`network_failures`."""
    size = "x".join(map(str, shape))
    if is_out_of_memory(error):
        return (
            f"network {label!r} ran out of memory on an input of {size}; try a smaller --size or "
            "--batch"
        )
    return f"network {label!r} failed on an input of {size}: {describe_error(error)}"


def why_withheld(error: Exception, *, batch: int) -> str:
    """Return why a figure cannot be had, and the way to have it where there is one.

    Raises:
        Exception: the given one, where it is a fault of segbench.

    >>> why_withheld(ValueError("Expected more than 1 value per channel when training"), batch=1)
    'ValueError: Expected more than 1 value per channel when training; try --batch 2'
    """
    if isinstance(error, MeasurementError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # what the network raised, without its name and its input
    if is_out_of_memory(error):
        return "it ran out of memory; try a smaller --size or --batch"
    if isinstance(error, SegbenchError | ZooError):
        return one_line(str(error))
    if own_fault(error) is not None:
        raise error
    said = describe_error(error)
    way_out = "; try --batch 2" if batch == 1 and _ONE_VALUE in said else ""
    return said + way_out


def own_fault(error: BaseException) -> str | None:
    """Return where segbench's own code raised an error; None where a network did, or a library."""
    if isinstance(error, RecursionError | ImportError):
        return None  # calls within a network get too deep anywhere, and what is missing is no fault
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if package not in sys.stdlib_module_names:
            place = f"{os.path.basename(frame.f_code.co_filename)}:{line}"  # noqa: PTH119
            found = place if package == "segbench" else None
    return found


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory was wanted that there is not.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to"))
    True
    """
    text = _text_of(error)
    return isinstance(error, MemoryError) or any(said in text for said in _OUT_OF_MEMORY)


def describe_error(error: BaseException) -> str:
    r"""Return an error's type and the first line of its text, however long or odd that is.

    >>> describe_error(RuntimeError("no \x1b[31mred\nand more"))
    'RuntimeError: no \\x1b[31mred'
    >>> describe_error(SystemExit())
    'SystemExit'
    """
    lines = _text_of(error).splitlines()
    return one_line(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)


def _text_of(error: BaseException) -> str:
    try:
        return str(error).strip()
    except Exception:  # noqa: BLE001 - a user's error may fail to say what it is
        return ""


def describe_output(output: object) -> str:
    """Return what kind of object a network returned.

    >>> describe_output({"out": 1})
    "a dict with keys 'out'"
    """
    if isinstance(output, dict):
        return one_line(f"a dict with keys {', '.join(map(repr, output))}")
    if isinstance(output, tuple | list):
        return f"a {type(output).__name__} of {len(output)}"
    return f"a {type(output).__name__}"
