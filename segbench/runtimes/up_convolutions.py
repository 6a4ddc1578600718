"""Up-convolutions of a traced network, each as one 1x1 convolution and a pixel shuffle.

A transposed convolution whose kernel is as large as its stride makes k x k pixels of each pixel by
itself. So do batch norms and 1x1 convolutions beside it, with k = 1, and all of them are linear.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from segbench.runtimes.folding import frozen, why_unlike
from segbench.runtimes.traced import TracedNetwork, scale_and_shift


def merge_separable(traced: TracedNetwork) -> tuple[int, Counter[str]]:
    """Merge each depthwise transposed convolution with the 1x1 convolution behind or before it.

    Returns:
        How many were merged, and how many stayed, by reason.
    """
    return _merge(traced, separable=True)


def merge_dense(traced: TracedNetwork) -> tuple[int, Counter[str]]:
    """Do the same with transposed convolutions that are not in groups, each by itself."""
    return _merge(traced, separable=False)


def _merge(traced: TracedNetwork, *, separable: bool) -> tuple[int, Counter[str]]:
    merged, left = 0, Counter[str]()
    for node in traced.calls(nn.ConvTranspose2d):
        up = traced.module_as(node, nn.ConvTranspose2d)
        if (up.groups == up.in_channels > 1) is not separable:
            continue
        why = traced.why_kept(node) or _why_not_by_pixel(up)
        found = None if why else _find_chain(traced, node, separable=separable)
        if found is None:
            left[why or "beside no 1x1 convolution"] += 1
            continue
        composed = compose([traced.module_of(each) for each in found])
        traced.replace(found, composed.as_module(up.weight), name=str(node.target))
        merged += 1
    return merged, left


def _why_not_by_pixel(up: nn.ConvTranspose2d) -> str | None:
    if up.groups not in {1, up.in_channels}:
        return "in groups of several channels"
    if up.kernel_size != up.stride or up.dilation != (1, 1):
        return "kernel and stride differ"
    if any(up.padding) or any(up.output_padding):
        return "padded"
    return "kernel is not square" if up.kernel_size[0] != up.kernel_size[1] else None


def _find_chain(traced: TracedNetwork, node: fx.Node, *, separable: bool) -> list[fx.Node] | None:
    """Return the calls to merge with a transposed convolution, in their order."""
    ahead, behind = _norm_before(traced, node), _norm_after(traced, node)
    if not separable:
        return [*ahead, node, *behind]
    last = [node, *behind][-1]
    pointwise = traced.after(last, nn.Conv2d)
    if pointwise is not None and is_pointwise(traced.module_as(pointwise, nn.Conv2d)):
        return [*ahead, node, *behind, pointwise, *_norm_after(traced, pointwise)]
    pointwise = traced.before([*ahead, node][0], nn.Conv2d)
    if pointwise is not None and is_pointwise(traced.module_as(pointwise, nn.Conv2d)):
        return [*_norm_before(traced, pointwise), pointwise, *ahead, node, *behind]
    return None


def _norm_before(traced: TracedNetwork, node: fx.Node) -> list[fx.Node]:
    norm = traced.before(node, nn.BatchNorm2d)
    return [] if norm is None or why_unlike(traced, norm) else [norm]


def _norm_after(traced: TracedNetwork, node: fx.Node) -> list[fx.Node]:
    norm = traced.after(node, nn.BatchNorm2d)
    return [] if norm is None or why_unlike(traced, norm) else [norm]


def is_pointwise(conv: nn.Conv2d) -> bool:
    """Tell whether a convolution maps each pixel by itself, all its channels to all.

    >>> is_pointwise(nn.Conv2d(3, 8, 1)), is_pointwise(nn.Conv2d(3, 8, 1, stride=2))
    (True, False)
    """
    pads = not isinstance(conv.padding, str) and any(conv.padding)
    return conv.kernel_size == (1, 1) and conv.stride == (1, 1) and conv.groups == 1 and not pads


@dataclass(frozen=True)
class PixelMap:
    """An affine map from the channels of a pixel to those of k x k pixels, in double precision.

    Attributes:
        weight: (out, k, k, in).
        bias: (out, k, k).
    """

    weight: Tensor
    bias: Tensor

    def then(self, module: nn.Module) -> PixelMap:
        """Return this map and then a module of a chain; the first transposed one sets k."""
        if isinstance(module, nn.BatchNorm2d):
            scale, shift = (part.reshape(-1, 1, 1) for part in scale_and_shift(module))
            return PixelMap(self.weight * scale[..., None], self.bias * scale + shift)
        assert isinstance(module, nn.Conv2d | nn.ConvTranspose2d)  # noqa: S101 - what chains have
        weight = module.weight.detach().double()
        if isinstance(module, nn.Conv2d):
            mixing = weight[:, :, 0, 0]
            found = PixelMap(
                torch.einsum("de,eabc->dabc", mixing, self.weight),
                torch.einsum("de,eab->dab", mixing, self.bias),
            )
        elif module.groups > 1:  # depthwise: (in, out of each, k, k)
            found = PixelMap(
                (weight[..., None] * self.weight[:, 0, 0][:, None, None, None]).flatten(0, 1),
                (weight * self.bias[:, :1, None]).flatten(0, 1),
            )
        else:
            found = PixelMap(
                torch.einsum("edab,ec->dabc", weight, self.weight[:, 0, 0]),
                torch.einsum("edab,e->dab", weight, self.bias[:, 0, 0]),
            )
        if module.bias is None:
            return found
        return PixelMap(found.weight, found.bias + module.bias.detach().double()[:, None, None])

    def as_module(self, like: Tensor) -> nn.Sequential:
        """Return a 1x1 convolution and a pixel shuffle, of the type of a tensor."""
        out, size, _, channels = self.weight.shape
        has_bias = bool(self.bias.any())
        conv = nn.Conv2d(channels, out * size**2, 1, bias=has_bias)
        conv.weight = frozen(self.weight.reshape(-1, channels, 1, 1), like)
        if has_bias:
            conv.bias = frozen(self.bias.reshape(-1), like)
        return nn.Sequential(conv, nn.PixelShuffle(size))


def compose(chain: list[nn.Module]) -> PixelMap:
    """Return what a chain does of batch norms, 1x1 convolutions and one transposed convolution.

    >>> up = nn.ConvTranspose2d(8, 8, 2, stride=2, groups=8)
    >>> compose([nn.BatchNorm2d(8).eval(), up, nn.Conv2d(8, 5, 1)]).weight.shape
    torch.Size([5, 2, 2, 8])
    """
    first = next(module for module in chain if isinstance(module, nn.Conv2d | nn.ConvTranspose2d))
    channels, device = first.in_channels, first.weight.device
    found = PixelMap(
        torch.eye(channels, dtype=torch.float64, device=device)[:, None, None],
        torch.zeros(channels, 1, 1, dtype=torch.float64, device=device),
    )
    for module in chain:
        found = found.then(module)
    return found
