"""Replies of the instruments, as both ends of the protocol know them."""

from __future__ import annotations

from typing import Any, NotRequired, Protocol, TypedDict, cast

from segbench.measurement.workers.protocol import Work
from segbench.results.profile import Differences


class PassReply(TypedDict):
    """A count for each direction."""

    forward: int | None
    backward: int | None


class SubnormalsReply(TypedDict):
    """Subnormal numbers; see :class:`segbench.results.profile.Subnormals`."""

    weights: int | None
    activations: int | None


class InspectionReply(TypedDict):
    """What ``inspect`` of the inspection instrument returns."""

    model: dict[str, Any]
    classes: int
    dtype: str
    head: str | None
    params: int
    params_trainable: int | None
    weights_bytes: int
    macs: PassReply
    flops: PassReply
    uncounted: dict[str, dict[str, int]]
    count_method: str
    saved_activations_bytes: int | None
    filled: int
    subnormals: SubnormalsReply
    remarks: list[str]
    withheld: dict[str, str]


class PreparationReply(TypedDict):
    """What ``prepare`` of the memory instrument returns."""

    prepare_s: float | None
    preparation_peak_bytes: int | None
    lowering: NotRequired[dict[str, list[str]] | None]


class MemoryReply(PreparationReply):
    """What ``measure`` of the memory instrument returns."""

    forward_peak_bytes: int | None
    train_peak_bytes: int | None
    withheld: NotRequired[dict[str, str]]


class ParityReply(Differences):
    """What ``measure`` of the parity instrument returns."""

    images: str
    dtype: str


class PortReply(TypedDict):
    """Input or output of a graph."""

    name: str
    shape: list[int | None]
    dtype: str


class ExportReply(TypedDict):
    """What ``export`` of the export instrument returns."""

    dtype: str
    input: PortReply
    output: PortReply
    parity: Differences


class InferenceReply(TypedDict):
    """What ``prepare`` of the inference instrument returns."""

    classes: int
    dtype: str


class LayersReply(TypedDict):
    """What ``measure`` of the layers instrument returns."""

    roof: dict[str, Any]
    layers: list[dict[str, Any]]
    remarks: list[str]


class WarmUpReply(TypedDict):
    """What ``warm_up`` of the timing instrument returns."""

    prepare_s: float | None
    first_call_s: dict[str, float]
    calls: int
    steady: bool
    recent_s: float


class BlockReply(TypedDict):
    """What ``block`` of the timing instrument returns: samples and faults by phase."""

    samples_s: dict[str, list[float]]
    minor_faults: dict[str, list[int]]
    disturbance: dict[str, Any]


class ThreadsReply(TypedDict):
    """Threads of a process, as it and the kernel count them."""

    intra_op: int
    inter_op: int
    os_threads: int | None
    computing: NotRequired[int | None]


class StateReply(TypedDict):
    """What ``state`` of the timing instrument returns."""

    model: dict[str, Any]
    classes: int
    dtype: str
    threads: ThreadsReply
    process_peak_bytes: int | None


class Answers(Protocol):
    """A worker, as far as it is asked."""

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Ask, and wait for the reply."""
        ...


class TimingWorker:
    """A worker with the timing instrument."""

    def __init__(self, worker: Answers) -> None:
        self._worker = worker

    def warm_up(self, work: Work) -> WarmUpReply:
        """See :meth:`TimingInstrument.warm_up`."""
        return cast("WarmUpReply", self._worker.ask("warm_up", work=work))

    def block(self, work: Work, seconds: float, *, discard_first: bool) -> BlockReply:
        """See :meth:`TimingInstrument.block`."""
        reply = self._worker.ask("block", work=work, seconds=seconds, discard_first=discard_first)
        return cast("BlockReply", reply)

    def state(self) -> StateReply:
        """See :meth:`TimingInstrument.state`."""
        return cast("StateReply", self._worker.ask("state"))
