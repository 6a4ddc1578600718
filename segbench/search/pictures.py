"""A picture of a search: every trial with the front, how the front grew, and what mattered."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.search import panels
from segbench.searches import Searched, growth, mattered
from segbench.store import write_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from segbench.searches import Trial

WIDE_IN, TALL_IN = 5.5, 4.4  # of a panel
DOWN, INK = "v", "#555555"


def draw_search(path: Path, found: Searched) -> None:
    """Draw panels into a PNG file: latency and mIoU, hypervolume by epochs, importances if known.

    Raises:
        UsageError: it cannot be written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - it takes half a second

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


def _draw_plane(panel: Axes, found: Searched) -> None:
    floor = panels.floor(found)
    for state, color, shown in panels.by_state(found):
        panel.scatter(*panels.places(shown), s=18, color=color, label=f"{state} ({len(shown)})")
        if floor is not None:
            _mark_beneath(panel, shown, floor, color)
    front = found.front
    # At each latency, the best that is no slower: steps.
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
    rival = panels.rival(found)
    panel.scatter(
        *panels.places(rival), s=90, marker="*", color=panels.RIVAL, zorder=3, label=found.rival
    )
    if found.budget_s is not None:
        panel.axvline(1e3 * found.budget_s, color=panels.RIVAL, linestyle=":", label="budget")
    panel.set(xlabel=panels.LATENCY, ylabel=panels.MIOU)
    panel.margins(0.08)  # so that the labels of the outermost are within
    if floor is not None:
        panel.scatter([], [], s=30, marker=DOWN, color="none", edgecolor=INK, label="far below")
        panel.set_ylim(bottom=floor)
    panel.grid(alpha=0.3)
    panel.legend(frameon=False, loc="lower right")


def _mark_beneath(panel: Axes, trials: Sequence[Trial], floor: float, color: str) -> None:
    """Point down at the edge, where a trial is below it."""
    low = [trial for trial in trials if (trial.miou or 0) < floor]
    panel.scatter(
        panels.places(low)[0], [floor] * len(low), s=30, marker=DOWN, color=color, clip_on=False
    )


def _draw_growth(panel: Axes, found: Searched) -> None:
    epochs, areas = zip(*growth(found), strict=True) if found.trials else ((), ())
    panel.step(epochs, [1e3 * area for area in areas], where="post", color=panels.FRONT)
    panel.set(xlabel=panels.COST, ylabel=panels.AREA, ylim=(0, None))
    panel.grid(alpha=0.3)


def _draw_importances(panel: Axes, found: Searched) -> None:
    names = mattered(found, panels.MOST_CHOICES)[::-1]  # from below
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
