"""Batch norms of a traced network, folded into the convolutions beside them."""

from __future__ import annotations

import copy
from collections import Counter
from typing import TypeVar

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from segbench.runtimes.traced import TracedNetwork, scale_and_shift, why_no_affine_map

C = TypeVar("C", bound=nn.Conv2d | nn.ConvTranspose2d)

ALONE = "beside no convolution"
SHARED = "beside a convolution, where others read the map between"
PADDED = "before a convolution that pads with zeros"
TRANSPOSED = "before a transposed convolution"


def fold_norms(traced: TracedNetwork) -> tuple[int, Counter[str]]:
    """Fold each batch norm into the convolution before it, else into all that read its output.

    Where a convolution pads with zeros, a shift before it is none of its border's. Such a norm
    stays: see :func:`fold_norms_as_maps`.

    Returns:
        How many were folded, and how many stayed, by reason.
    """
    return _fold(traced, None)


def fold_norms_as_maps(traced: TracedNetwork, images: Tensor) -> tuple[int, Counter[str]]:
    """Fold batch norms before convolutions that pad with zeros, for images of this size alone.

    What their shifts come to behind the convolution is a map, which is added: the convolution of
    the shifts as an image.
    """
    return _fold(traced, images)


def _fold(traced: TracedNetwork, images: Tensor | None) -> tuple[int, Counter[str]]:
    count = len(traced.calls(nn.BatchNorm2d))
    for node in traced.calls(nn.BatchNorm2d):
        if why_unlike(traced, node) is None:
            _fold_into_the_one_before(traced, node)
    while _fold_one_into_those_behind(traced, images):
        pass
    left = Counter(filter(None, (_why_left(traced, node) for node in traced.calls(nn.BatchNorm2d))))
    return count - left.total(), left


def why_unlike(traced: TracedNetwork, node: fx.Node) -> str | None:
    """Return why a call of a batch norm must stay; None where it scales and shifts channels."""
    kept = traced.why_kept(node)
    return kept or why_no_affine_map(traced.module_as(node, nn.BatchNorm2d))


def _fold_into_the_one_before(traced: TracedNetwork, node: fx.Node) -> None:
    conv = traced.before(node, nn.Conv2d) or traced.before(node, nn.ConvTranspose2d)
    if conv is not None:
        module = traced.module_of(conv)
        assert isinstance(module, nn.Conv2d | nn.ConvTranspose2d)  # noqa: S101 - see above
        folded = fold_after(module, traced.module_as(node, nn.BatchNorm2d))
        traced.replace([conv, node], folded, name=str(conv.target))


def _fold_one_into_those_behind(traced: TracedNetwork, images: Tensor | None) -> bool:
    for node in traced.calls(nn.BatchNorm2d):
        if _why_left(traced, node, maps=images is not None) is None:
            norm = traced.module_as(node, nn.BatchNorm2d)
            size = None if images is None else _size_of(traced, node, images)
            for reader in list(node.users):
                folded = _fold_before(norm, traced.module_of(reader), size)
                traced.replace([node, reader], folded, name=str(reader.target))
            return True
    return False


def _size_of(traced: TracedNetwork, node: fx.Node, images: Tensor) -> tuple[int, int]:
    """Return height and width of what a call returns, which is seen in a run."""
    if _SIZE not in node.meta:
        with torch.no_grad():
            _Sizes(traced.module).run(images)
    height, width = node.meta[_SIZE]
    return height, width


_SIZE = "segbench_size"


class _Sizes(fx.Interpreter):
    """Leaves at each node the height and width of the map that it returns."""

    def run_node(self, n: fx.Node) -> object:
        found: object = super().run_node(n)
        if isinstance(found, Tensor):
            n.meta[_SIZE] = found.shape[2:]
        return found


def _why_left(traced: TracedNetwork, node: fx.Node, *, maps: bool = False) -> str | None:
    """Return why a norm cannot be folded into those that read it; None where it can."""
    found = why_unlike(traced, node)
    if found is not None:
        return found
    _, shift = scale_and_shift(traced.module_as(node, nn.BatchNorm2d))
    is_right_at_borders = maps or not bool(shift.any())
    for reader in node.users:
        if traced.is_call(reader, nn.BatchNorm2d) and why_unlike(traced, reader) is None:
            continue
        if traced.is_call(reader, nn.ConvTranspose2d):
            return TRANSPOSED
        if not traced.is_call(reader, nn.Conv2d) or traced.why_kept(reader) is not None:
            return _why_alone(traced, node)
        if not is_right_at_borders and has_border(traced.module_as(reader, nn.Conv2d)):
            return PADDED
    return None if node.users else _why_alone(traced, node)


def _why_alone(traced: TracedNetwork, node: fx.Node) -> str:
    """Return why the convolutions beside a norm do not take it up, where there are any."""
    for neighbour in (node.args[0], *node.users):
        if traced.is_call(neighbour, nn.Conv2d) or traced.is_call(neighbour, nn.ConvTranspose2d):
            assert isinstance(neighbour, fx.Node)  # noqa: S101 - see above
            why = traced.why_kept(neighbour)
            return SHARED if why is None else f"beside a convolution {why}"
    return ALONE


def has_border(conv: nn.Conv2d) -> bool:
    """Tell whether a convolution sees zeros around its input.

    >>> has_border(nn.Conv2d(3, 8, 3)), has_border(nn.Conv2d(3, 8, 3, padding="same"))
    (False, True)
    >>> has_border(nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"))
    False
    """
    if conv.padding_mode != "zeros" or conv.padding == "valid":
        return False
    if conv.padding == "same":
        return any(size > 1 for size in conv.kernel_size)
    return any(conv.padding)


def fold_after(conv: C, norm: nn.BatchNorm2d) -> C:
    """Return a convolution that does what it did and then its norm.

    torch's own ``fuse_conv_bn_weights`` is wrong for transposed convolutions in groups
    (pytorch#180995).
    """
    scale, shift = scale_and_shift(norm)
    by_group = scale.reshape(conv.groups, 1, -1)
    if isinstance(conv, nn.ConvTranspose2d):  # its weights are (in, out of a group, k, k)
        by_group = by_group.expand(-1, conv.in_channels // conv.groups, -1)
        factors = by_group.reshape(conv.in_channels, -1, 1, 1)
    else:
        factors = scale.reshape(-1, 1, 1, 1)
    bias = shift if conv.bias is None else conv.bias.detach().double() * scale + shift
    return with_weights(conv, conv.weight.detach().double() * factors, bias)


def _fold_before(
    norm: nn.BatchNorm2d, reader: nn.Module, size: tuple[int, int] | None
) -> nn.Module:
    if isinstance(reader, nn.BatchNorm2d):
        return _join(norm, reader)
    assert isinstance(reader, nn.Conv2d)  # noqa: S101 - what else reads it was refused
    if not has_border(reader):
        return fold_before(norm, reader)
    scale, shift = scale_and_shift(norm)
    scaled = with_weights(reader, _scaled(reader, scale), reader.bias)
    if not bool(shift.any()):
        return scaled
    assert size is not None  # noqa: S101 - likewise
    return ShiftedConvolution(scaled, _convolved(reader, shift, size))


def fold_before(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution that does what a norm before it did and then itself.

    It must see no zeros around its input; what it pads by repeating pixels is shifted as they are.
    """
    scale, shift = scale_and_shift(norm)
    weight = conv.weight.detach().double()
    shifts = shift.reshape(conv.groups, 1, -1).expand(-1, conv.out_channels // conv.groups, -1)
    bias = (weight.sum((2, 3)) * shifts.reshape(conv.out_channels, -1)).sum(1)
    if conv.bias is not None:
        bias = bias + conv.bias.detach().double()
    return with_weights(conv, _scaled(conv, scale), bias)


def _scaled(conv: nn.Conv2d, scale: Tensor) -> Tensor:
    """Return weights (out, in of a group, k, k) for an input that is not scaled."""
    by_group = scale.reshape(conv.groups, 1, -1).expand(-1, conv.out_channels // conv.groups, -1)
    return conv.weight.detach().double() * by_group.reshape(conv.out_channels, -1, 1, 1)


def _convolved(conv: nn.Conv2d, shift: Tensor, size: tuple[int, int]) -> Tensor:
    image = shift.reshape(1, -1, 1, 1).expand(-1, -1, *size)
    return functional.conv2d(
        image,
        conv.weight.detach().double(),
        None,
        conv.stride,
        conv.padding,
        conv.dilation,
        conv.groups,
    )


def _join(first: nn.BatchNorm2d, second: nn.BatchNorm2d) -> nn.BatchNorm2d:
    (scale, shift), (then_scale, then_shift) = scale_and_shift(first), scale_and_shift(second)
    joined = nn.BatchNorm2d(first.num_features, eps=0.0)
    for name, value in (("weight", scale * then_scale), ("bias", shift * then_scale + then_shift)):
        setattr(joined, name, frozen(value, _type_of(first)))
    joined.running_mean = torch.zeros_like(joined.weight)
    joined.running_var = torch.ones_like(joined.weight)
    return joined


def _type_of(norm: nn.BatchNorm2d) -> Tensor:
    assert norm.running_mean is not None  # noqa: S101 - only such norms are folded
    return norm.running_mean


def with_weights(conv: C, weight: Tensor, bias: Tensor | None) -> C:
    """Return a convolution like another, with these weights cast to the type of its own."""
    memo = {id(tensor): tensor for tensor in conv.parameters()}
    found = copy.deepcopy(conv, memo)
    found.weight = frozen(weight, conv.weight)
    found.bias = None if bias is None else frozen(bias, conv.weight)
    return found


def frozen(value: Tensor, like: Tensor) -> nn.Parameter:
    """Return a parameter for inference, of the type and on the device of another tensor."""
    return nn.Parameter(value.detach().to(like.device, like.dtype), requires_grad=False)


class ShiftedConvolution(nn.Module):
    """A convolution, and a constant map that is added to its output.

    Args:
        shift: (1, channels, height, width), for an input of one size alone.
    """

    def __init__(self, conv: nn.Conv2d, shift: Tensor) -> None:
        super().__init__()
        self.conv = conv
        self.shift = frozen(shift, conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        found: Tensor = self.conv(x) + self.shift
        return found
