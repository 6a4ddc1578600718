"""What the picture and the page of a search have in common: colours, words, and which points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segbench.searches import Searched, Trial

STATES: Mapping[str, str] = {"trained": "#2a6fb0", "waiting": "#e0a63c", "stopped": "#b9b9b9"}
FRONT, RIVAL = "#c8472f", "#000000"
OBJECTIVES: Mapping[str, tuple[str, str]] = {
    "latency_s": ("latency", "#2a6fb0"),
    "miou": ("mIoU", FRONT),
}
LATENCY, MIOU = "latency, ms (95 %)", "best validation mIoU"
COST, AREA = "epochs trained, of all trials", "hypervolume, ms x mIoU"
MOST_CHOICES = 6  # that mattered, for either objective
BENEATH = 0.35  # of the height that what was trained to the end takes up, as room for what was not


def by_state(found: Searched) -> list[tuple[str, str, list[Trial]]]:
    """Return states, their colors and the trials in them, where both figures are known."""
    known = [trial for trial in found.trials if trial.miou is not None]
    groups = [
        (state, color, [trial for trial in known if trial.state == state])
        for state, color in STATES.items()
    ]
    return [group for group in groups if group[-1]]


def rival(found: Searched) -> list[Trial]:
    """Return the rival, if its point is known."""
    return [trial for trial in found.trials[:1] if trial.miou is not None]


def floor(found: Searched) -> float | None:
    """Return the mIoU that a picture begins at; None where nothing is far below the rest.

    What was stopped after an epoch or two has a small part of what it might have had. With all of
    that in sight, the networks that were trained to the end would lie on a line.
    """
    known = [(trial.state, trial.miou) for trial in found.trials if trial.miou is not None]
    ends = [miou for state, miou in known if state == "trained"]
    if not ends:
        return None
    low = min(ends) - BENEATH * (max(ends) - min(ends))
    return low if min(miou for _, miou in known) < low < min(ends) else None


def places(trials: Sequence[Trial]) -> tuple[list[float], list[float]]:
    """Return milliseconds and mIoU."""
    return [1e3 * (trial.latency_s or 0) for trial in trials], [trial.miou or 0 for trial in trials]


def errors_ms(trials: Sequence[Trial]) -> tuple[list[float], list[float]]:
    """Return how far each latency's interval reaches below and above it, in milliseconds."""
    below, above = [], []
    for trial in trials:
        scale = 1e3 * (trial.latency_s or 0) / (trial.ratio or 1)
        ratio = trial.ratio or 0
        low, high = trial.ratio_ci95 or (ratio, ratio)
        below.append(scale * (ratio - low))
        above.append(scale * (high - ratio))
    return below, above
