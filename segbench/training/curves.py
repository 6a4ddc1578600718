"""Curves of a run: loss and validation mIoU over its epochs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from segbench.files import write_bytes
from segbench.training.history import Epoch, best_of


def draw_curves(path: Path, history: Sequence[Epoch], *, title: str) -> None:
    """Write a PNG file of two panels, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - it takes half a second
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    epochs = [epoch.epoch for epoch in history]
    best = best_of(history)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    losses, quality = figure.subplots(1, 2)
    losses.plot(epochs, [epoch.loss for epoch in history], ".-", label="training")
    judged = [(epoch.epoch, epoch.val_loss) for epoch in history if epoch.val_loss is not None]
    if judged:
        losses.plot(*zip(*judged, strict=True), ".-", label="validation")
    losses.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    quality.plot(epochs, [epoch.pixel_accuracy for epoch in history], ".-", label="pixel accuracy")
    quality.plot(epochs, [epoch.miou for epoch in history], ".-", label="mIoU")
    if best is not None:
        label = f"best: {best.miou:.4f} in epoch {best.epoch}"
        quality.plot([best.epoch], [best.miou], "o", fillstyle="none", color="black", label=label)
    quality.set(xlabel="epoch", ylabel="validation", ylim=(0, 1))
    for panel in (losses, quality):
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.legend(frameon=False)
        panel.grid(alpha=0.3)
    figure.suptitle(title)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    write_bytes(path, content.getvalue(), force=True)
