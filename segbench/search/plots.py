"""Picture of a search: trials with the front, growth of the hypervolume, importances."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.files import write_bytes
from segbench.results.search import SearchResult, growth, most_important
from segbench.search import panels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from segbench.results.search import Trial

WIDE_IN, TALL_IN = 5.5, 4.4  # of a panel
BELOW_MARKER, GREY = "v", "#555555"


def draw_search(path: Path, found: SearchResult) -> None:
    """Write a PNG file of panels: latency and mIoU, hypervolume by epochs, importances if any.

    Raises:
        UsageError: it cannot be written.
    """
    from matplotlib.figure import Figure

    count = 3 if found.importances else 2
    figure = Figure(figsize=(WIDE_IN * count, TALL_IN), layout="constrained")
    plane, cost, *others = figure.subplots(1, count)
    _draw_plane(plane, found)
    _draw_growth(cost, found)
    for panel in others:
        _draw_importances(panel, found)
    figure.suptitle(
        f"{found.study} on {found.dataset}, {len(found.trials)} trials, sampler {found.sampler}"
    )
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    write_bytes(path, content.getvalue(), force=True)


def _draw_plane(panel: Axes, found: SearchResult) -> None:
    floor = panels.floor(found)
    for state, color, shown in panels.by_state(found):
        panel.scatter(*panels.places(shown), s=18, color=color, label=f"{state} ({len(shown)})")
        if floor is not None:
            _mark_below(panel, shown, floor, color)
    front = found.front
    # At each latency the best mIoU of what is no slower: steps.
    panel.plot(
        *panels.places(front), "o-", drawstyle="steps-post", color=panels.FRONT, markersize=5,
        label=f"front ({len(front)})",
    )  # fmt: skip
    panel.errorbar(
        *panels.places(front), xerr=panels.errors_ms(front), fmt="none", color=panels.FRONT,
        linewidth=1, capsize=2,
    )  # fmt: skip
    for trial in front:
        (latency_ms,), (miou,) = panels.places([trial])
        panel.annotate(
            str(trial.number), (latency_ms, miou), (-4, 5), textcoords="offset points",
            ha="right", fontsize=8, color=panels.FRONT,
        )  # fmt: skip
    reference = panels.places(panels.reference_model(found))
    panel.scatter(*reference, s=90, marker="*", color=panels.REFERENCE, zorder=3, label=found.rival)
    if found.budget_s is not None:
        panel.axvline(1e3 * found.budget_s, color=panels.REFERENCE, linestyle=":", label="budget")
    panel.set(xlabel=panels.LATENCY, ylabel=panels.MIOU)
    panel.margins(0.08)  # so that the labels of the outermost are within
    if floor is not None:
        panel.scatter(
            [], [], s=30, marker=BELOW_MARKER, color="none", edgecolor=GREY, label="far below"
        )
        panel.set_ylim(bottom=floor)
    panel.grid(alpha=0.3)
    panel.legend(frameon=False, loc="lower right")


def _mark_below(panel: Axes, trials: Sequence[Trial], floor: float, color: str) -> None:
    """Mark trials below the edge by arrows at it."""
    low = [trial for trial in trials if (trial.miou or 0) < floor]
    panel.scatter(
        panels.places(low)[0],
        [floor] * len(low),
        s=30,
        marker=BELOW_MARKER,
        color=color,
        clip_on=False,
    )


def _draw_growth(panel: Axes, found: SearchResult) -> None:
    epochs, areas = zip(*growth(found), strict=True) if found.trials else ((), ())
    panel.step(epochs, [1e3 * area for area in areas], where="post", color=panels.FRONT)
    panel.set(xlabel=panels.COST, ylabel=panels.AREA, ylim=(0, None))
    panel.grid(alpha=0.3)


def _draw_importances(panel: Axes, found: SearchResult) -> None:
    names = most_important(found, panels.MAX_CHOICES)[::-1]  # from below
    thick = 0.8 / len(panels.OBJECTIVES)
    for at, (objective, (label, color)) in enumerate(panels.OBJECTIVES.items()):
        shares = found.importances.get(objective, {})
        panel.barh(
            [row + (0.5 - at) * thick for row in range(len(names))],
            [100 * shares.get(name, 0.0) for name in names],
            height=thick, color=color, label=label,
        )  # fmt: skip
    panel.set_yticks(range(len(names)), names)
    panel.set(xlabel="importance, %")
    panel.grid(alpha=0.3, axis="x")
    panel.legend(frameon=False, loc="lower right")
