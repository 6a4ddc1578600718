"""Recording of one network's workers over the rounds, and the latencies that follow from it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from segbench.results.environment import Disturbance
from segbench.results.profile import PHASES, Block, Latencies, Latency, Phase
from segbench.results.samples import block_medians
from segbench.results.statistics import median_interval, outliers, supported_percentile

if TYPE_CHECKING:
    from segbench.measurement.workers.replies import BlockReply, StateReply, WarmUpReply

JUDGED_CALLS = 7


@dataclass
class PhaseRecord:
    """Everything that was seen of one phase; only ever added to."""

    first_calls_s: list[float] = field(default_factory=list)
    warmup_calls: list[int] = field(default_factory=list)
    samples_s: list[float] = field(default_factory=list)
    minor_faults: list[int] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    def latency(self) -> Latency | None:
        """Derive the figures; None where no block was finished."""
        if not self.blocks:
            return None
        medians = block_medians(self.samples_s, self.blocks)
        return Latency(
            p50_s=statistics.median(value for row in medians.values() for value in row),
            ci95_s=median_interval(list(medians.values())),
            p90_s=supported_percentile(self.samples_s, 0.90),
            p99_s=supported_percentile(self.samples_s, 0.99),
            first_call_s=statistics.median(self.first_calls_s),
            warmup_calls=tuple(self.warmup_calls),
            minor_faults_per_call=statistics.median(self.minor_faults),
            samples_s=tuple(self.samples_s),
            minor_faults=tuple(self.minor_faults),
            outliers=outliers(self.samples_s),
            blocks=tuple(self.blocks),
        )


@dataclass
class Recording:
    """All phases of one network, and the state that its last process reported."""

    phases: dict[Phase, PhaseRecord] = field(
        default_factory=lambda: {phase: PhaseRecord() for phase in PHASES}
    )
    preparations_s: list[float] = field(default_factory=list)
    unsteady_rounds: set[int] = field(default_factory=set)
    state: StateReply | None = None

    def add_warm_up(self, reply: WarmUpReply, *, round_number: int) -> None:
        """Take a worker's account of its warm-up."""
        if reply["prepare_s"] is not None:
            self.preparations_s.append(reply["prepare_s"])
        for name, seconds in reply["first_call_s"].items():
            phase = cast("Phase", name)
            self.phases[phase].first_calls_s.append(seconds)
            self.phases[phase].warmup_calls.append(reply["calls"])
        # After a few long calls the cap ends a warm-up before it can be judged.
        if not reply["steady"] and reply["calls"] > JUDGED_CALLS:
            self.unsteady_rounds.add(round_number)

    def add_block(self, reply: BlockReply, *, round_number: int, cycle: int) -> None:
        """Take a worker's block of samples."""
        disturbance = Disturbance(**reply["disturbance"])
        for phase, samples in reply["samples_s"].items():
            record = self.phases[cast("Phase", phase)]
            record.samples_s += samples
            record.minor_faults += reply["minor_faults"][phase]
            record.blocks.append(Block(round_number, cycle, len(samples), disturbance))

    @property
    def preparation_s(self) -> float | None:
        """Median over processes of what the runtime took before the first call."""
        return statistics.median(self.preparations_s) if self.preparations_s else None

    def latencies(self) -> Latencies:
        """Derive the latencies of all phases."""
        return Latencies(**{phase: record.latency() for phase, record in self.phases.items()})
