"""Agreement of two runs of a network on the same images: in logits, and in classes of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbench.runtimes.heads import in_form

if TYPE_CHECKING:
    from torch import Tensor

    from segbench.results.profile import Differences


class Agreement:
    """How far what a candidate hands out is from the logits of the network itself.

    Args:
        form: of what is handed out, one of :data:`segbench.results.candidate.HEADS`.
        tolerance: by which a logit may differ, as a share of the largest.

    >>> import torch
    >>> logits = torch.tensor([[[[1.0, 2.0]], [[4.0, 0.0]]]])
    >>> agreement = Agreement("argmax", 1e-4)
    >>> agreement.add(torch.tensor([[[1, 1]]]), logits)
    >>> agreement.reply()["argmax_agreement"]
    0.5
    """

    def __init__(self, form: str, tolerance: float) -> None:
        self._form = form
        self._tolerance = tolerance
        self._largest = self._sum = 0.0
        self._logits = self._beyond = 0
        self._pixels = self._same = 0

    def add(self, found: Tensor, logits: Tensor) -> None:
        """Add what was handed out for a batch, beside its logits (batch, classes, h, w)."""
        classes = in_form(logits, "argmax")
        if self._form.startswith("argmax"):
            self._same += int((found == classes).sum())
        else:
            channels_first = found.permute(0, 3, 1, 2) if self._form == "logits-nhwc" else found
            difference = (channels_first.float() - logits).abs() / logits.abs().max()
            self._largest = max(self._largest, float(difference.max()))
            self._sum += float(difference.double().sum())
            self._beyond += int((difference > self._tolerance).sum())
            self._logits += difference.numel()
            self._same += int((in_form(channels_first, "argmax") == classes).sum())
        self._pixels += classes.numel()

    def reply(self) -> Differences:
        """Return what was found, over all that was added."""
        has_logits = self._logits > 0
        return {
            "max_difference": self._largest if has_logits else None,
            "mean_difference": self._sum / self._logits if has_logits else None,
            "beyond": self._beyond / self._logits if has_logits else None,
            "argmax_agreement": self._same / self._pixels,
        }
