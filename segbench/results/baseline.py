"""A baseline: figures of a run that are kept in a file, to hold later runs against."""

from __future__ import annotations

from dataclasses import dataclass

from segbench.errors import NotComparableError, UsageError
from segbench.results.comparison import workload_differences
from segbench.results.profile import Latencies, Profile

BASELINE_SCHEMA = "segbench/baseline/1"


@dataclass(frozen=True)
class Baseline:
    """Networks as they were measured on one machine under one workload, in turns.

    Attributes:
        reference: the reference workload, measured in turns with each of them.
    """

    profiles: tuple[Profile, ...]
    reference: Latencies
    complete: bool = True
    created: str = ""
    schema: str = BASELINE_SCHEMA

    def __post_init__(self) -> None:
        if not self.profiles:
            raise UsageError("it has no network in it; save it again")

    def find(self, now: Profile, *, normalised: bool) -> Profile:
        """Return what the baseline knows of a network that was measured now.

        Args:
            normalised: the machine may be another, for times are held in units of the reference.

        Raises:
            UsageError: it knows nothing of this network.
            NotComparableError: it knows it under another workload, or on another machine.
        """
        label = now.label
        then = next((each for each in self.profiles if each.label == label), None)
        if then is None:
            names = ", ".join(each.label for each in self.profiles)
            raise UsageError(
                f"the baseline has no model {label!r} (it has: {names}); save one that has"
            )
        found = list(workload_differences(then.workload, now.workload))
        advice = "give the workload of the baseline, or save one with this workload"
        if not found and not normalised:
            found = list(then.environment.differences(now.environment))
            advice = (
                "save a baseline here, or add --normalised to compare in units of the reference "
                "workload"
            )
        if found:
            raise NotComparableError(
                f"cannot compare {label} with the baseline: {'; '.join(found)}; {advice}"
            )
        return then
