"""Common content of a search's picture and page: colours, labels and points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segbench.results.search import SearchResult, Trial

STATES: Mapping[str, str] = {"trained": "#2a6fb0", "waiting": "#e0a63c", "stopped": "#b9b9b9"}
FRONT, REFERENCE = "#c8472f", "#000000"
OBJECTIVES: Mapping[str, tuple[str, str]] = {
    "latency_s": ("latency", "#2a6fb0"),
    "miou": ("mIoU", FRONT),
}
LATENCY, MIOU = "latency, ms (95 %)", "best validation mIoU"
COST, AREA = "epochs trained, of all trials", "hypervolume, ms x mIoU"
MAX_CHOICES = 6  # the most important for either objective
MARGIN = 0.35  # below the trained networks, as a share of their range of mIoU


def by_state(found: SearchResult) -> list[tuple[str, str, list[Trial]]]:
    """Return states, their colors and the trials in them that have an mIoU."""
    known = [trial for trial in found.trials if trial.miou is not None]
    groups = [
        (state, color, [trial for trial in known if trial.state == state])
        for state, color in STATES.items()
    ]
    return [group for group in groups if group[-1]]


def reference_model(found: SearchResult) -> list[Trial]:
    """Return the trial of the reference model, if it has an mIoU."""
    trial = found.reference_trial
    return [] if trial is None or trial.miou is None else [trial]


def floor(found: SearchResult) -> float | None:
    """Return the lowest mIoU of the picture; None where no trial is far below the rest.

    Trials that were stopped after an epoch or two have a small part of their possible mIoU. With
    them in the picture the networks that were trained to the end would lie on a line.
    """
    known = [(trial.state, trial.miou) for trial in found.trials if trial.miou is not None]
    ends = [miou for state, miou in known if state == "trained"]
    if not ends:
        return None
    low = min(ends) - MARGIN * (max(ends) - min(ends))
    return low if min(miou for _, miou in known) < low < min(ends) else None


def places(trials: Sequence[Trial]) -> tuple[list[float], list[float]]:
    """Return milliseconds and mIoU."""
    return [1e3 * (trial.latency_s or 0) for trial in trials], [trial.miou or 0 for trial in trials]


def errors_ms(trials: Sequence[Trial]) -> tuple[list[float], list[float]]:
    """Return the lower and upper errors of the latencies, in milliseconds."""
    below, above = [], []
    for trial in trials:
        scale = 1e3 * (trial.latency_s or 0) / (trial.ratio or 1)
        ratio = trial.ratio or 0
        low, high = trial.ratio_ci95 or (ratio, ratio)
        below.append(scale * (ratio - low))
        above.append(scale * (high - ratio))
    return below, above
