"""What one network's workers reported over the rounds, and the latencies that follow from it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from segbench.machine import Disturbance
from segbench.results import PHASES, Block, Latencies, Latency, Phase
from segbench.statistics import median_interval, outliers, supported_percentile

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
    unsteady_rounds: set[int] = field(default_factory=set)
    state: dict[str, Any] | None = None

    def add_warm_up(self, reply: dict[str, Any], *, round_number: int) -> None:
        """Take a worker's account of its warm-up."""
        for phase, seconds in reply["first_call_s"].items():
            self.phases[phase].first_calls_s.append(seconds)
            self.phases[phase].warmup_calls.append(reply["calls"])
        # After a few long calls the cap ends a warm-up before it can be judged.
        if not reply["steady"] and reply["calls"] > JUDGED_CALLS:
            self.unsteady_rounds.add(round_number)

    def add_block(self, reply: dict[str, Any], *, round_number: int, cycle: int) -> None:
        """Take a worker's block of samples."""
        disturbance = Disturbance(**reply["disturbance"])
        for phase, samples in reply["samples_s"].items():
            record = self.phases[phase]
            record.samples_s += samples
            record.minor_faults += reply["minor_faults"][phase]
            record.blocks.append(Block(round_number, cycle, len(samples), disturbance))

    def latencies(self) -> Latencies:
        """Derive the latencies of all phases."""
        return Latencies(**{phase: record.latency() for phase, record in self.phases.items()})


def block_medians(
    samples: list[float] | tuple[float, ...], blocks: list[Block] | tuple[Block, ...]
) -> dict[int, list[float]]:
    """Return the median of each block's samples, by round.

    >>> quiet = Disturbance(wall_s=1.0, cpu_s=1.0, cpu_wall_ratio=1.0, steal_s=None,
    ...     steal_share=None, other_busy_cpus=None, psi_some_share=None, involuntary_switches=0,
    ...     voluntary_switches=0, minor_faults=0, major_faults=0)
    >>> block_medians([1.0, 3.0, 5.0], [Block(0, 0, 2, quiet), Block(0, 1, 1, quiet)])
    {0: [2.0, 5.0]}
    """
    found: dict[int, list[float]] = {}
    start = 0
    for block in blocks:
        found.setdefault(block.round, []).append(
            statistics.median(samples[start : start + block.count])
        )
        start += block.count
    return found
