"""Single precision, and what torch was told to compute it with instead."""

from __future__ import annotations

import torch

from segbench.errors import UsageError

NARROWER = {"bf16": "bfloat16", "tf32": "TensorFloat-32"}


def lowered_to() -> str | None:
    """Return the type that may stand in for single precision on this CPU; None if none may.

    A network's code may say so anywhere, with ``torch.set_float32_matmul_precision`` or
    ``torch.backends``. All of these end up in oneDNN's settings, which are read. What this CPU has
    no instructions for is computed in single precision whatever they say.
    """
    kinds = (torch.backends.mkldnn.conv, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
    set_to = {kind.fp32_precision for kind in kinds}
    found = next((each for each in NARROWER if each in set_to and _has(each)), None)
    return None if found is None else NARROWER[found]


def check_single_precision(name: str) -> None:
    """Refuse a network whose code has lowered single precision.

    Args:
        name: the network's, for the error.

    Raises:
        UsageError: it has, and this CPU computes so.
    """
    found = lowered_to()
    if found is not None:
        raise UsageError(
            f"network {name!r} lets torch compute single precision in {found}, with "
            "torch.set_float32_matmul_precision or torch.backends; take that out of its code, and "
            "ask for bf16 with --precision bf16"
        )


def _has(precision: str) -> bool:
    """Tell whether oneDNN uses a precision on this CPU, by the checks of torch's own code."""
    if precision == "bf16":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
    return bool(torch.cpu._is_amx_fp16_supported())  # noqa: SLF001
