"""Roof of a machine: what it reaches at best in products, convolutions and copies."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch

MATRIX = 1536  # side of the square factors: 7.2 GFLOP
CHANNELS, SIDE = 256, 56  # of the convolution: 3.7 GFLOP
# Bytes that the copies move, from what fits a core's own cache to what fits none.
COPY_BYTES = tuple(64 << (10 + 2 * step) for step in range(7))
COPY_SECONDS = 0.02
REPEATS = 7


def measure_roof(dtype: str = "float32") -> dict[str, Any]:
    """Measure the best of several matrix products, 3x3 convolutions, and copies of many sizes.

    A matrix product alone would be too low a roof: torch takes its matrix products and its
    convolutions from different libraries, and on some CPUs the second is the faster one.

    Args:
        dtype: of products and convolutions, by torch's name.
    """
    kind = getattr(torch, dtype)
    with torch.inference_mode():
        left, right = (torch.randn(MATRIX, MATRIX).to(kind) for _ in range(2))
        product_s = _best(lambda: torch.mm(left, right))
        convolution = torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False).to(kind)
        image = torch.randn(1, CHANNELS, SIDE, SIDE).to(kind)
        convolution_s = _best(lambda: convolution(image))
    return {
        "matmul_flops_per_s": 2 * MATRIX**3 / product_s,
        "convolution_flops_per_s": 2 * 9 * CHANNELS**2 * SIDE**2 / convolution_s,
        "copy_bytes_per_s": {moved: _copy_rate(moved) for moved in COPY_BYTES},
        "dtype": dtype,
    }


def _copy_rate(moved: int) -> float:
    source = torch.ones(moved // 8)  # half is read and half is written, 4 bytes a number
    target = torch.empty_like(source)
    once_s = _best(lambda: target.copy_(source))
    calls = max(1, round(COPY_SECONDS / REPEATS / once_s))

    def copy_many() -> None:
        for _ in range(calls):
            target.copy_(source)

    return moved * calls / _best(copy_many)


def _best(call: Callable[[], object]) -> float:
    call()
    durations = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return min(durations)


def roof_share(
    flops: int | None, moved: int | None, seconds: float, roof: dict[str, Any]
) -> float | None:
    """Return a layer's speed over what the machine reached for its work.

    A layer without arithmetic, or with such as is not known, is held against the copy alone, of the
    nearest size measured. None where the bytes are not known, or the time is too short to be seen.

    >>> roof = {"matmul_flops_per_s": 80e9, "convolution_flops_per_s": 100e9,
    ...         "copy_bytes_per_s": {1 << 20: 10e9}}
    >>> roof_share(50_000_000_000, 1 << 20, 1.0, roof)
    0.5
    >>> roof_share(0, 5_000_000_000, 1.0, roof)
    0.5
    """
    if not moved or not seconds:
        return None
    copies = roof["copy_bytes_per_s"]
    nearest = min(copies, key=lambda size: abs(math.log(size / moved)))
    compute_s = (flops or 0) / max(roof["matmul_flops_per_s"], roof["convolution_flops_per_s"])
    return float(max(compute_s, moved / copies[nearest]) / seconds)
