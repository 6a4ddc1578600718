"""The one table of metrics: what each is called, its unit, which way is better, where it stands."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from segbench.errors import UsageError

if TYPE_CHECKING:
    from segbench.results.profile import Latencies, Latency, Phase, Profile
    from zoo.published import Figure

Unit = Literal["s", "bytes", "count"]


@dataclass(frozen=True)
class Metric:
    """One figure of a profile.

    Attributes:
        name: path of the figure in the profile's JSON.
        title: heading of its column.
        phase: the latency that it is the median of, None for exact figures.
        published: the paper's figure that it can be held against.
    """

    name: str
    title: str
    unit: Unit
    better: Literal["lower", "higher"]
    read: Callable[[Profile], float | None]
    phase: Phase | None = None
    published: Figure | None = None

    @property
    def is_of_a_run(self) -> bool:
        """Whether it depends on what is run and handed out, and is not counted in the network."""
        return self.phase is not None or self.name.startswith(("memory.", "preparation."))


def _path(name: str) -> Callable[[Profile], float | None]:
    attributes = name.split(".")

    def read(profile: Profile) -> float | None:
        found: object = profile
        for attribute in attributes:
            found = None if found is None else operator.attrgetter(attribute)(found)
        return found  # type: ignore[return-value]  # the table's own test reads every path

    return read


def _metric(
    name: str,
    title: str,
    unit: Unit,
    *,
    phase: Phase | None = None,
    published: Figure | None = None,
) -> Metric:
    return Metric(name, title, unit, "lower", _path(name), phase, published)


METRICS = {
    metric.name: metric
    for metric in (
        _metric("params", "params", "count", published="params"),
        _metric("weights_bytes", "weights", "bytes"),
        _metric("macs.forward", "MACs forward", "count"),
        _metric("macs.backward", "MACs backward", "count"),
        _metric("flops.forward", "FLOPs forward", "count"),
        _metric("flops.backward", "FLOPs backward", "count"),
        _metric("saved_activations_bytes", "saved activations", "bytes"),
        _metric("latency.forward.p50_s", "forward", "s", phase="forward", published="forward_s"),
        _metric("latency.forward_train.p50_s", "forward, training", "s", phase="forward_train"),
        _metric(
            "latency.backward.p50_s", "backward", "s", phase="backward", published="backward_s"
        ),
        _metric("latency.optimizer.p50_s", "optimizer", "s", phase="optimizer"),
        _metric("preparation.peak_bytes", "memory, preparation", "bytes"),
        _metric("memory.forward_peak_bytes", "memory, forward", "bytes"),
        _metric("memory.train_peak_bytes", "memory, training", "bytes"),
    )
}


def is_lower_bound(name: str, profile: Profile) -> bool:
    """Tell whether a count leaves out operators that have no rule, and is the least it can be.

    Args:
        name: of any metric.
    """
    kind, _, direction = name.partition(".")
    if kind not in {"macs", "flops"}:
        return False
    if profile.uncounted is None:  # a result of before directions were told apart
        return bool(profile.uncounted_ops)
    return bool(getattr(profile.uncounted, direction))


def find_metric(name: str) -> Metric:
    """Return a metric by its name.

    Raises:
        UsageError: there is none.

    >>> find_metric("params").unit
    'count'
    """
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"unknown metric {name!r}{hint} (metrics: {', '.join(METRICS)})")
    return METRICS[name]


def phase_of(latencies: Latencies, phase: Phase) -> Latency | None:
    """Return one phase's latency."""
    latency: Latency | None = getattr(latencies, phase)
    return latency
