"""Heads of candidates: the form in which logits are handed out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segbench.errors import UsageError

MOST_IDS = 256  # classes that a byte tells apart


class WithForm(nn.Module):
    """A network whose logits are handed out in a form.

    Args:
        model: maps images to logits (batch, classes, height, width).
        form: ``logits`` as they are; ``logits-nhwc`` with the classes last; ``argmax`` the class of
            each pixel, as a byte.

    >>> WithForm(nn.Conv2d(3, 5, 1), "argmax")(torch.zeros(1, 3, 4, 6)).shape
    torch.Size([1, 4, 6])
    """

    def __init__(self, model: nn.Module, form: str) -> None:
        super().__init__()
        self.model = model
        self.form = form
        self.training = model.training

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images in the form."""
        return in_form(self.model(images), self.form)


def check_form(form: str, classes: int) -> None:
    """Refuse a form that cannot tell so many classes apart.

    Raises:
        UsageError: there are more classes than a byte has values.

    >>> check_form("argmax", 256), check_form("logits", 1000)
    (None, None)
    """
    if form.startswith("argmax") and classes > MOST_IDS:
        raise UsageError(
            f"head {form!r} hands out classes as bytes, which tell {MOST_IDS} apart, and the "
            f"network has {classes}; take its logits with head=logits"
        )


def in_form(logits: Tensor, form: str) -> Tensor:
    """Return logits (batch, classes, height, width) in a form; see :class:`WithForm`."""
    if form == "logits-nhwc":
        return logits.permute(0, 2, 3, 1).contiguous()
    if form in {"argmax", "argmax-strided"}:
        return logits.argmax(1).to(torch.uint8)
    return logits
