"""Lowering: a network rewritten into one that computes the same, faster in some runtimes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor, nn

from segbench.results.candidate import MOST_BEYOND
from segbench.results.profile import Lowering
from segbench.runtimes import REWRITINGS
from segbench.runtimes.class_maps import WithClasses, take_classes_before_shuffle
from segbench.runtimes.folding import fold_norms, fold_norms_as_maps
from segbench.runtimes.heads import WithForm, in_form
from segbench.runtimes.model import describe_error
from segbench.runtimes.traced import TracedNetwork
from segbench.runtimes.up_convolutions import merge_dense, merge_overlapping, merge_separable

TOLERANCE = 1e-5
"""How far a number may be from the network's own, as a share of the largest; see `MOST_BEYOND`."""

APPLIED = {
    "up-convolutions": "{} separable up-convolution{} as 1x1 convolution and pixel shuffle",
    "dense-up-convolutions": "{} dense up-convolution{} as 1x1 convolution and pixel shuffle",
    "batch-norms": "{} batch norm{} folded",
    "padded-batch-norms": "{} batch norm{} folded with maps of their shifts",
    "overlapping-up-convolutions": "{} overlapping up-convolution{} as 1x1 and depthwise "
    "convolution and pixel shuffle",
}
CLASSES = "argmax as two maxima"
BEFORE_SHUFFLE = "argmax as two maxima, before the last pixel shuffle"
LEFT = {
    "up-convolutions": "{} depthwise transposed convolution{}: {}",
    "dense-up-convolutions": "{} dense transposed convolution{}: {}",
    "batch-norms": "{} batch norm{}: {}",
    "padded-batch-norms": "{} batch norm{}: {}",
    "overlapping-up-convolutions": "{} depthwise transposed convolution{}: {}",
}


def lower(
    network: nn.Module, images: Tensor, rewritings: Collection[str] = REWRITINGS
) -> tuple[nn.Module, Lowering]:
    """Rewrite a copy of a network, in evaluation mode, and prove on images that nothing changed.

    A network that cannot be traced, or whose rewriting returns something else, is returned as it
    is, and so is one in which there is nothing to rewrite. What was not rewritten shares its
    weights with the network.

    Args:
        network: whatever it returns, the module that is returned returns likewise.
        images: an example, of the one size that the module is for.
        rewritings: some of :data:`segbench.runtimes.REWRITINGS`.

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
    >>> lowered, found = lower(network, torch.rand(1, 3, 8, 8))
    >>> found.applied, [type(module).__name__ for module in lowered.children()]
    (('1 batch norm folded',), ['Conv2d', 'ReLU'])
    """
    try:
        traced = TracedNetwork(network)
        expected = _outputs(traced.original, images)
        applied, left = _rewrite(traced, images, rewritings)
        if not applied:
            return network, Lowering((), left)
        lowered = traced.lower()
        share = _share_beyond(_outputs(lowered, images), expected)
    except Exception as error:  # noqa: BLE001 - of a network's own code under torch.fx
        return network, Lowering((), (f"not lowered: {describe_error(error)}",))
    if share > MOST_BEYOND:
        why = f"{100 * share:.2g} % of what it returned then differed by more than {TOLERANCE:g}"
        return network, Lowering((), (f"not lowered: {why} of the largest",))
    return lowered, Lowering(applied, left)


def lower_argmax(
    model: nn.Module, images: Tensor, *, bare: nn.Module | None
) -> tuple[nn.Module, Lowering]:
    """Return a network that hands out the class of each pixel, proven on images to be argmax's.

    Args:
        model: maps images to logits (batch, classes, height, width).
        bare: the lowered network itself, where it returns those logits and nothing else.

    >>> found, how = lower_argmax(nn.Conv2d(3, 5, 1), torch.rand(1, 3, 4, 6), bare=None)
    >>> found(torch.rand(1, 3, 4, 6)).shape, how.applied
    (torch.Size([1, 4, 6]), ('argmax as two maxima',))
    """
    early = None if bare is None else take_classes_before_shuffle(bare)
    found = WithClasses(model) if early is None else early
    with torch.no_grad():
        expected = in_form(model(images), "argmax")
        differ = float((found(images) != expected).double().mean())
    if differ > MOST_BEYOND:
        why = f"argmax: {100 * differ:.2g} % of the classes differed as maxima"
        return WithForm(model, "argmax"), Lowering((), (why,))
    return found, Lowering((CLASSES if early is None else BEFORE_SHUFFLE,), ())


def _rewrite(
    traced: TracedNetwork, images: Tensor, rewritings: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    applied: list[str] = []
    left: dict[str, Counter[str]] = {}
    for name in REWRITINGS:
        if name not in rewritings or name not in APPLIED:
            continue
        count, reasons = _rewrite_one(name, traced, images)
        if count:
            applied.append(APPLIED[name].format(count, "s" * (count != 1)))
        # The last to look at batch norms, or at transposed convolutions, knows which are left.
        left[LEFT[name]] = reasons
    return tuple(applied), tuple(
        text.format(count, "s" * (count != 1), why)
        for text, reasons in left.items()
        for why, count in reasons.items()
    )


def _rewrite_one(name: str, traced: TracedNetwork, images: Tensor) -> tuple[int, Counter[str]]:
    if name == "up-convolutions":
        return merge_separable(traced)
    if name == "overlapping-up-convolutions":
        return merge_overlapping(traced)
    if name == "dense-up-convolutions":
        return merge_dense(traced)
    return fold_norms(traced) if name == "batch-norms" else fold_norms_as_maps(traced, images)


def _outputs(model: nn.Module, images: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return list(_tensors(model(images)))


def _tensors(output: object) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from _tensors(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from _tensors(value)


def _share_beyond(found: list[Tensor], expected: list[Tensor]) -> float:
    """Return the share of numbers that are not near those expected, the worst of all tensors."""
    worst = 0.0
    for one, other in zip(found, expected, strict=True):
        if one.shape != other.shape:
            return 1.0
        largest = float(other.abs().nan_to_num().max()) if other.numel() else 0.0
        near = torch.isclose(one, other, rtol=0.0, atol=TOLERANCE * largest, equal_nan=True)
        worst = max(worst, 1.0 - float(near.double().mean()) if near.numel() else 0.0)
    return worst
