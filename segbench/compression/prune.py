"""Pruning: the channels of a trained network that matter most, as a narrower network."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import zoo
from segbench.compression.channels import choose, cut, find_channels, importances
from segbench.errors import UsageError
from segbench.runtimes.logits import Heads
from segbench.runtimes.model import set_mode

if TYPE_CHECKING:
    from segbench.compression.channels import Channels
    from zoo.spec import ModelSpec

TOLERANCE = 1e-4
"""How far a logit may be from what is proven, as a share of the largest."""


def prune(network: nn.Module, narrow: ModelSpec, images: Tensor) -> nn.Module:
    """Return a narrower network with the most important channels of a trained one.

    What leaves a network is not read by what stays: the trained network, with zeros for the weights
    that read channels that leave, must return on images what the narrower one returns.

    Args:
        network: trained.
        narrow: of the same builder, with fewer channels.
        images: an example of its input.

    Raises:
        UsageError: the networks differ in more than their channels, or these cannot be found.

    >>> from zoo.spec import ModelSpec
    >>> network, images = zoo.build("contextnet", classes=3), torch.rand(1, 3, 64, 64)
    >>> pruned = prune(network, ModelSpec("contextnet", {"classes": 3, "width": 0.5}), images)
    >>> [sum(each.numel() for each in net.parameters()) for net in (network, pruned)]
    [874499, 235907]
    """
    found = zoo.build(narrow)
    set_mode(found, training=False)
    channels = find_channels(network, images)
    widths = _widths(found)
    if set(channels.made) - set(widths):
        raise UsageError(f"{str(narrow)!r} has other layers than the network that is pruned")
    weights = network.state_dict()
    stay = choose(channels, importances(channels, weights), widths)
    try:
        found.load_state_dict(cut(channels, weights, stay))
    except RuntimeError as error:
        raise UsageError(
            f"{str(narrow)!r} differs in more than its channels from the network that is pruned; "
            "choose another share"
        ) from error
    _prove(network, found, channels, stay, images, name=str(narrow))
    return found


def _widths(network: nn.Module) -> dict[str, int]:
    return {
        name: module.out_channels
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    }


def _prove(
    network: nn.Module,
    found: nn.Module,
    channels: Channels,
    stay: frozenset[int],
    images: Tensor,
    *,
    name: str,
) -> None:
    unread = copy.deepcopy(network)
    set_mode(unread, training=False)
    weights = unread.state_dict()
    batch, depth, height, width = images.shape
    with torch.no_grad():
        for each in channels.slices:
            if each.reads:
                gone = [at for at, of in enumerate(each.channels) if channels.root(of) not in stay]
                weights[each.tensor].index_fill_(each.dim, torch.tensor(gone).long(), 0.0)
        expected, returned = (
            Heads(name).logits(net(images), (batch, depth, height, width), training=False)
            for net in (unread, found)
        )
    far = float((expected - returned).abs().max() / expected.abs().max())
    if not far <= TOLERANCE:
        raise UsageError(
            f"{name!r} does not compute what the network does without the channels that leave "
            f"({far:.1g} of the largest logit): it differs in more than its channels, as where a "
            "shortcut begins; choose another share"
        )
