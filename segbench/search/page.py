"""Interactive page of a search: a trial's network is shown at the pointer."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.files import write_text
from segbench.results.search import SearchResult, growth, most_important
from segbench.search import panels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segbench.results.search import Trial

TALL_PX = 900


def write_page(path: Path, found: SearchResult) -> bool:
    """Write the panels of the picture as a page; return False if plotly is not installed.

    Raises:
        UsageError: it cannot be written.
    """
    if importlib.util.find_spec("plotly") is None:
        return False
    from plotly.subplots import make_subplots

    whole: list[dict[str, int] | None] = [{"colspan": 2}, None]
    figure = make_subplots(
        rows=2, cols=2, specs=[whole, [{}, {}] if found.importances else whole],
        row_heights=[0.62, 0.38], vertical_spacing=0.1, horizontal_spacing=0.12,
    )  # fmt: skip
    _draw_plane(figure, found)
    _draw_growth(figure, found)
    if found.importances:
        _draw_importances(figure, found)
    figure.update_layout(
        title=f"{found.study} on {found.dataset}, {len(found.trials)} trials",
        template="simple_white",
        height=TALL_PX,
        legend={"x": 1.0, "y": 0.45, "xanchor": "right", "yanchor": "bottom"},
        legend2={"x": 1.0, "y": 0.0, "xanchor": "right", "yanchor": "bottom"},
    )
    write_text(path, figure.to_html(include_plotlyjs=True), force=True)
    return True


def _draw_plane(figure: Any, found: SearchResult) -> None:  # noqa: ANN401 - plotly's
    for state, color, shown in panels.by_state(found):
        _scatter(figure, shown, name=f"{state} ({len(shown)})", marker={"color": color})
    front = found.front
    below, above = panels.errors_ms(front)
    _scatter(
        figure, front, name=f"front ({len(front)})", mode="lines+markers+text",
        text=[str(trial.number) for trial in front], textposition="top left",
        textfont={"color": panels.FRONT}, marker={"color": panels.FRONT, "size": 8},
        line={"color": panels.FRONT, "shape": "hv"},
        error_x={"array": above, "arrayminus": below, "thickness": 1},
    )  # fmt: skip
    _scatter(
        figure,
        panels.reference_model(found),
        name=found.rival,
        marker={"color": panels.REFERENCE, "symbol": "star", "size": 13},
    )
    if found.budget_s is not None:
        figure.add_vline(
            1e3 * found.budget_s, line={"color": panels.REFERENCE, "dash": "dot"}, row=1, col=1
        )
    figure.update_xaxes(title=panels.LATENCY, row=1, col=1)
    figure.update_yaxes(title=panels.MIOU, row=1, col=1)


def _scatter(
    figure: Any,  # noqa: ANN401 - plotly's
    trials: Sequence[Trial],
    *,
    mode: str = "markers",
    **look: Any,  # noqa: ANN401
) -> None:
    latencies, mious = panels.places(trials)
    figure.add_scatter(
        x=latencies, y=mious, mode=mode, hovertext=[_words(trial) for trial in trials],
        hovertemplate="%{hovertext}<extra></extra>", row=1, col=1, **look,
    )  # fmt: skip


def _words(trial: Trial) -> str:
    (latency_ms,), (miou,) = panels.places([trial])
    ratio = "" if trial.ratio is None else f", {trial.ratio:.3f} times the reference model"
    return (
        f"<b>trial {trial.number}</b>, {trial.state} after {trial.epochs} epochs<br>"
        f"{latency_ms:.2f} ms{ratio}, mIoU {miou:.4f}<br>"
        f"{trial.params:,} parameters, {trial.macs:,} MACs<br>" + trial.model.replace(",", "<br>")
    )


def _draw_growth(figure: Any, found: SearchResult) -> None:  # noqa: ANN401
    steps = growth(found)
    figure.add_scatter(
        x=[epochs for epochs, _ in steps], y=[1e3 * area for _, area in steps], mode="lines",
        line={"color": panels.FRONT, "shape": "hv"}, showlegend=False, row=2, col=1,
    )  # fmt: skip
    figure.update_xaxes(title=panels.COST, row=2, col=1)
    figure.update_yaxes(title=panels.AREA, rangemode="tozero", row=2, col=1)


def _draw_importances(figure: Any, found: SearchResult) -> None:  # noqa: ANN401
    names = most_important(found, panels.MAX_CHOICES)[::-1]  # from below
    for objective, (label, color) in panels.OBJECTIVES.items():
        shares = found.importances.get(objective, {})
        figure.add_bar(
            y=names, x=[100 * shares.get(name, 0.0) for name in names], orientation="h",
            name=label, marker={"color": color}, legend="legend2", row=2, col=2,
        )  # fmt: skip
    figure.update_xaxes(title="importance, %", row=2, col=2)
