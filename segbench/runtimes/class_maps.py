"""Class maps: the class of each pixel, found in fewer passes over the logits than by argmax.

Engines search the largest logit of a pixel one after the other, which can take as long as half of
the network. Two maxima over all classes come to the same, and a pixel shuffle before them need not
move logits: it moves the classes that were found.
"""

from __future__ import annotations

import copy
from operator import getitem

import torch
from torch import Tensor, fx, nn

from segbench.runtimes.folding import with_weights
from segbench.runtimes.up_convolutions import UpConvolution


def first_of_largest(logits: Tensor, dim: int) -> Tensor:
    """Return the index of the largest number along a dimension, as a byte: the first of equals.

    Where a number is NaN, it is 0.

    >>> first_of_largest(torch.tensor([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]]), 1)
    tensor([1, 0], dtype=torch.uint8)
    """
    count = logits.shape[dim]
    shape = [1] * logits.dim()
    shape[dim] = count
    # From behind, so that the first of equals is the largest.
    ranks = torch.arange(count, 0, -1, device=logits.device, dtype=torch.float32).reshape(shape)
    is_below = logits < logits.amax(dim, keepdim=True)
    best = torch.where(is_below, torch.zeros_like(ranks), ranks).amax(dim)
    return (count - best).to(torch.uint8)


class ClassesBeforeShuffle(nn.Module):
    """An up-convolution to logits, of which it returns the class of each pixel.

    (N, C, H, W) -> (N, kH, kW), bytes. Its channels come in another order: the classes of a pixel
    lie side by side.
    """

    def __init__(self, up: UpConvolution) -> None:
        super().__init__()
        self.size: int = up.size
        self.classes: int = up.convolutions[-1].out_channels // up.size**2
        self.convolutions = nn.Sequential(*map(self._reordered, up.convolutions))

    def _reordered(self, conv: nn.Conv2d) -> nn.Conv2d:
        def reorder(weight: Tensor) -> Tensor:
            by_class: Tensor = weight.reshape(self.classes, -1, *weight.shape[1:])
            return by_class.transpose(0, 1).flatten(0, 1)

        bias = None if conv.bias is None else reorder(conv.bias)
        return with_weights(conv, reorder(conv.weight), bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the class of each pixel."""
        logits: Tensor = self.convolutions(x)
        batch, _, height, width = logits.shape
        size = self.size
        last = logits.permute(0, 2, 3, 1).reshape(batch, height, width, size, size, self.classes)
        rows = first_of_largest(last, 5).transpose(2, 3)
        found: Tensor = rows.reshape(batch, height * size, width * size)
        return found


class WithClasses(nn.Module):
    """A network of which the class of each pixel is handed out, as by argmax.

    >>> WithClasses(nn.Conv2d(3, 5, 1))(torch.zeros(1, 3, 4, 6)).shape
    torch.Size([1, 4, 6])
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.training = model.training

    def forward(self, images: Tensor) -> Tensor:
        """Return the classes of images (batch, channels, height, width)."""
        return first_of_largest(self.model(images), 1)


def take_classes_before_shuffle(module: nn.Module) -> fx.GraphModule | None:
    """Return a lowered network that returns classes, where an up-convolution makes its logits.

    It shares its modules with the one that is given. None where logits come from anything else, or
    anything but slices of height and width follows.
    """
    if not isinstance(module, fx.GraphModule):
        return None
    found = fx.GraphModule(module, copy.deepcopy(module.graph), type(module).__name__)
    node = _last_call(found.graph)
    if node is None or not isinstance(up := found.get_submodule(str(node.target)), UpConvolution):
        return None
    found.set_submodule(str(node.target), ClassesBeforeShuffle(up).train(mode=False))
    return found


def _last_call(graph: fx.Graph) -> fx.Node | None:
    """Return the call of a module whose output a graph returns, sliced or as it is."""
    (last,) = graph.find_nodes(op="output")
    node = last.args[0]
    while isinstance(node, fx.Node) and len(node.users) == 1:
        if node.op == "call_module":
            return node
        if not (node.op == "call_function" and node.target is getitem and _crops(node.args[1])):
            return None
        node = node.args[0]
    return None


def _crops(index: object) -> bool:
    """Tell whether an index takes a part of height and width, and all of what is before them."""
    return (
        isinstance(index, tuple)
        and [type(part) for part in index] == [type(Ellipsis), slice, slice]
        and all(part.step is None for part in index[1:])
    )
