"""Pictures of a search: every trial with the front, and how the front grew."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.searches import Searched, Trial, growth
from segbench.store import write_bytes, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLORS: Mapping[str, str] = {"trained": "#2a6fb0", "stopped": "#b9b9b9"}
FRONT, RIVAL = "#c8472f", "#000000"


def draw_search(path: Path, found: Searched) -> None:
    """Draw two panels into a PNG file: trials by latency and mIoU, hypervolume by epochs.

    Raises:
        UsageError: it cannot be written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - it takes half a second

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    plane, cost = figure.subplots(1, 2)
    for state, color in COLORS.items():
        shown = [trial for trial in _placed(found) if trial.state == state]
        plane.scatter(*_places(shown), s=18, color=color, label=f"{state} ({len(shown)})")
    front = found.front
    plane.plot(*_places(front), "o-", color=FRONT, markersize=5, label=f"front ({len(front)})")
    for trial in front:
        (latency_ms,), (miou,) = _places([trial])
        plane.annotate(
            str(trial.number), (latency_ms, miou), (-4, 5), textcoords="offset points",
            ha="right", fontsize=8, color=FRONT,
        )  # fmt: skip
    rival = [trial for trial in found.trials[:1] if trial.miou is not None]
    plane.scatter(*_places(rival), s=90, marker="*", color=RIVAL, zorder=3, label=found.rival)
    if found.budget_s is not None:
        plane.axvline(1e3 * found.budget_s, color=RIVAL, linestyle=":", label="budget")
    plane.set(xlabel="latency, ms", ylabel="best validation mIoU")
    epochs, areas = zip(*growth(found), strict=True) if found.trials else ((), ())
    cost.step(epochs, [1e3 * area for area in areas], where="post", color=FRONT)
    cost.set(
        xlabel="epochs trained, of all trials", ylabel="hypervolume, ms x mIoU", ylim=(0, None)
    )
    for panel in (plane, cost):
        panel.grid(alpha=0.3)
    plane.legend(frameon=False, loc="lower right")
    figure.suptitle(
        f"{found.study} on {found.dataset}, {len(found.trials)} trials, sampler {found.sampler}"
    )
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    write_bytes(path, content.getvalue(), force=True)


def write_page(path: Path, found: Searched) -> bool:
    """Write the trials as a page to look into, and tell whether plotly is there to do it.

    Raises:
        UsageError: it cannot be written.
    """
    if importlib.util.find_spec("plotly") is None:
        return False
    from plotly import graph_objects as plotly  # noqa: PLC0415 - an extra, and slow

    figure = plotly.Figure()
    for state, color in COLORS.items():
        shown = [trial for trial in _placed(found) if trial.state == state]
        figure.add_trace(_trace(plotly, shown, name=state, mode="markers", color=color))
    figure.add_trace(_trace(plotly, found.front, name="front", mode="lines+markers", color=FRONT))
    figure.update_layout(
        title=f"{found.study} on {found.dataset}",
        xaxis_title="latency, ms",
        yaxis_title="best validation mIoU",
        template="simple_white",
    )
    write_text(path, figure.to_html(include_plotlyjs=True), force=True)
    return True


def _trace(plotly: Any, trials: Sequence[Trial], *, name: str, mode: str, color: str) -> Any:  # noqa: ANN401
    latencies, mious = _places(trials)
    words = [
        f"trial {trial.number}, {trial.epochs} epochs<br>{trial.model.replace(',', '<br>')}"
        for trial in trials
    ]
    return plotly.Scatter(
        x=latencies, y=mious, name=name, mode=mode, marker={"color": color}, hovertext=words
    )


def _placed(found: Searched) -> list[Trial]:
    return [trial for trial in found.trials if trial.miou is not None]


def _places(trials: Sequence[Trial]) -> tuple[list[float], list[float]]:
    """Return milliseconds and mIoU."""
    return [1e3 * (trial.latency_s or 0) for trial in trials], [trial.miou or 0 for trial in trials]
