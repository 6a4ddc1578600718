"""segbench: what a segmentation network costs on this CPU, measured so that one may believe it.

``profile`` measures one network and ``compare`` several in one interleaved run. Nothing heavy is
imported until one of them is called::

    import segbench

    result = segbench.profile("segfast", threads=2)
    print(result.params, result.latency.forward.p50_s)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segbench.measurement.profile import compare, profile
    from segbench.results.store import load, save

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "load", "profile", "save"]

_HOMES = {
    "profile": "segbench.measurement.profile",
    "compare": "segbench.measurement.profile",
    "load": "segbench.results.store",
    "save": "segbench.results.store",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute may be anything
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'segbench' has no attribute {name!r}")
