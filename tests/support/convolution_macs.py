"""Multiply-accumulates of convolutions from their definition, to hold published counts against."""

import torch
from torch import nn


def count_conv_macs(network, shape):
    """Each weight of a convolution meets each output place, of a transposed one each input's.

    The network is on the meta device: shapes alone count.
    """
    counts = []

    def count(module, inputs, output):
        places = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        counts.append(module.weight.numel() * places[0, 0].numel())

    hooks = [
        module.register_forward_hook(count)
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]
    network(torch.empty(shape, device="meta"))
    for hook in hooks:
        hook.remove()
    return sum(counts)
