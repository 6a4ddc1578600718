"""Tracing on the meta device: kernels run on a thread of their own, where no tracer is.

Some meta kernels (convolution, max unpooling) are written in Python. Under the tracer they would
see every size as a tensor and fail; the tracer's state belongs to one thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor


class OutsideTheTrace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While active, operators on meta tensors run on the executor's thread.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(1) as thread, OutsideTheTrace(thread):
    ...     torch.zeros(2, device="meta").relu().shape
    torch.Size([2])
    """

    def __init__(self, executor: Executor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._executor = executor

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run the operator; the arithmetic of sizes stays where it is."""
        kwargs = kwargs or {}
        if any(isinstance(leaf, Tensor) and leaf.is_meta for leaf in tree_leaves((args, kwargs))):
            return self._executor.submit(_run, func, args, kwargs).result()
        return func(*args, **kwargs)


def _run(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> object:
    with torch.no_grad():  # a new thread records gradients
        return func(*args, **kwargs)
