"""Channels of a network: which slices of which weights stand or fall together."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from segbench.errors import UsageError
from segbench.runtimes.traced import TracedNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NORMS = (nn.BatchNorm2d,)
# Each channel of what they return is of the same channel of what they take.
BY_CHANNEL_MODULES = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.GELU, nn.Sigmoid, nn.Tanh),
    *(nn.Hardswish, nn.Hardsigmoid, nn.Identity, nn.Dropout, nn.Dropout2d, nn.Upsample),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
)
BY_CHANNEL_CALLS = frozenset({
    *(functional.relu, functional.relu6, functional.interpolate, functional.dropout),
    *(functional.hardswish, functional.hardsigmoid, functional.silu, functional.sigmoid),
    *(functional.max_pool2d, functional.avg_pool2d, functional.adaptive_avg_pool2d),
    *(functional.pad, torch.relu, torch.sigmoid, torch.tanh, operator.neg),
})  # fmt: skip
BY_CHANNEL_METHODS = frozenset({"relu", "sigmoid", "contiguous", "clone", "detach"})
PAIRED_CALLS = frozenset({
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.iadd, operator.imul),
    *(torch.add, torch.sub, torch.mul, torch.maximum, torch.minimum),
})  # fmt: skip
MAP_DIMS = 4


@dataclass(frozen=True)
class Slices:
    """One dimension of a tensor of weights, each place of which belongs to a channel.

    Attributes:
        tensor: its name in the network's state.
        channels: by place.
        reads: whether the tensor multiplies these channels; otherwise it makes or scales them.
    """

    tensor: str
    dim: int
    channels: tuple[int, ...]
    reads: bool


@dataclass
class Channels:
    """All channels of a network, numbered, and where they are in its weights.

    Attributes:
        slices: of the tensors that have channels.
        made: the channels that each convolution makes, by its name.
        kept: those that must stay: of images, logits, and what is not understood.
    """

    slices: list[Slices] = field(default_factory=list)
    made: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _kept: set[int] = field(default_factory=set)
    _parents: list[int] = field(default_factory=list)

    def new(self, count: int, *, kept: bool = False) -> tuple[int, ...]:
        """Return so many channels that there were not yet."""
        found = tuple(range(len(self._parents), len(self._parents) + count))
        self._parents += found
        if kept:
            self._kept.update(found)
        return found

    def root(self, channel: int) -> int:
        """Return the channel that stands for all that this one is added to."""
        while self._parents[channel] != channel:
            self._parents[channel] = self._parents[self._parents[channel]]
            channel = self._parents[channel]
        return channel

    def join(self, one: Sequence[int], other: Sequence[int]) -> None:
        """Let channels that are added, or multiplied, stand or fall together."""
        for first, second in zip(one, other, strict=True):
            self._parents[self.root(second)] = self.root(first)

    def keep(self, channels: Sequence[int]) -> None:
        """Let channels stay."""
        self._kept.update(channels)

    @property
    def kept(self) -> frozenset[int]:
        """Roots that must stay."""
        return frozenset(map(self.root, self._kept))


def find_channels(network: nn.Module, images: Tensor) -> Channels:
    """Return the channels of a network, seen in a run on images.

    What is not understood, such as attention or a convolution in groups, keeps the channels that it
    takes and makes.

    Raises:
        UsageError: the network cannot be traced.

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 5, 1))
    >>> found = find_channels(network, torch.zeros(1, 3, 8, 8))
    >>> {name: len(made) for name, made in found.made.items()}, len(found.kept)
    ({'0': 8, '2': 5}, 8)
    """
    try:
        traced = TracedNetwork(network)
    except Exception as error:  # of a network's own code under torch.fx
        raise UsageError(f"its channels cannot be found: {error}") from error
    walk = _Walk(traced)
    with torch.no_grad():
        walk.run(images)
    return walk.channels


class _Walk(fx.Interpreter):
    """Runs a network, and follows its channels from call to call."""

    def __init__(self, traced: TracedNetwork) -> None:
        super().__init__(traced.module, garbage_collect_values=False)
        self.channels = Channels()
        self._traced = traced
        self._of: dict[fx.Node, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> object:
        found: object = super().run_node(n)
        if n.op == "output":
            for node in n.all_input_nodes:
                self._keep(node)
        elif isinstance(found, Tensor) and found.ndim == MAP_DIMS:
            made = self._follow(n)
            self._of[n] = made if len(made) == found.shape[1] else self._not_understood(n, found)
        else:
            for node in n.all_input_nodes:
                if not _asks_for_size(n):
                    self._keep(node)
        return found

    def _keep(self, node: fx.Node) -> None:
        self.channels.keep(self._of.get(node, ()))

    def _not_understood(self, n: fx.Node, found: Tensor) -> tuple[int, ...]:
        for node in n.all_input_nodes:
            self._keep(node)
        return self.channels.new(found.shape[1], kept=True)

    def _follow(self, n: fx.Node) -> tuple[int, ...]:
        """Return the channels of what a call returns; nothing where it is not understood."""
        if n.op == "call_module":
            module = self.fetch_attr(str(n.target))
            is_shared = self._traced.why_kept(n) is not None and any(module.state_dict())
            return () if is_shared else self._through_module(n, module)
        if n.op in {"call_function", "call_method"}:
            return self._through_call(n)
        return ()

    def _through_call(self, n: fx.Node) -> tuple[int, ...]:
        if n.target is torch.cat:
            return self._concatenated(n)
        if n.target in PAIRED_CALLS:
            return self._paired(n)
        passes = (
            _cuts_places_alone(n.args[1])
            if n.target is operator.getitem
            else n.target in (BY_CHANNEL_METHODS if n.op == "call_method" else BY_CHANNEL_CALLS)
        )
        return self._of.get(n.args[0], ()) if passes and isinstance(n.args[0], fx.Node) else ()

    def _through_module(self, n: fx.Node, module: nn.Module) -> tuple[int, ...]:
        name = str(n.target)
        taken = self._of.get(n.args[0], ()) if isinstance(n.args[0], fx.Node) else ()
        if type(module) in {nn.Conv2d, nn.ConvTranspose2d}:
            return self._through_convolution(name, module, taken)
        if type(module) in NORMS:
            for part in ("weight", "bias", "running_mean", "running_var"):
                if getattr(module, part) is not None:
                    self._slice(f"{name}.{part}", 0, taken)
            return taken
        if type(module) is nn.PReLU:
            if module.num_parameters > 1:
                self._slice(f"{name}.weight", 0, taken)
            return taken
        return taken if type(module) in BY_CHANNEL_MODULES else ()

    def _through_convolution(
        self, name: str, module: nn.Module, taken: tuple[int, ...]
    ) -> tuple[int, ...]:
        assert isinstance(module, nn.Conv2d | nn.ConvTranspose2d)  # noqa: S101 - see above
        if module.groups == module.in_channels == module.out_channels and module.groups > 1:
            self._slice(f"{name}.weight", 0, taken)
            if module.bias is not None:
                self._slice(f"{name}.bias", 0, taken)
            return taken
        if module.groups > 1:
            return ()
        made = self.channels.new(module.out_channels)
        self.channels.made[name] = made
        out, into = (1, 0) if isinstance(module, nn.ConvTranspose2d) else (0, 1)
        self._slice(f"{name}.weight", out, made)
        self._slice(f"{name}.weight", into, taken, reads=True)
        if module.bias is not None:
            self._slice(f"{name}.bias", 0, made)
        return made

    def _slice(
        self, tensor: str, dim: int, channels: tuple[int, ...], *, reads: bool = False
    ) -> None:
        self.channels.slices.append(Slices(tensor, dim, channels, reads))

    def _concatenated(self, n: fx.Node) -> tuple[int, ...]:
        parts = n.args[0]
        dim = n.kwargs.get("dim", n.args[1] if len(n.args) > 1 else 0)
        if dim not in {1, 1 - MAP_DIMS} or not isinstance(parts, list | tuple):
            return ()
        return tuple(
            channel
            for part in parts
            for channel in (self._of.get(part, ()) if isinstance(part, fx.Node) else ())
        )

    def _paired(self, n: fx.Node) -> tuple[int, ...]:
        tensors = [each for each in n.all_input_nodes if isinstance(self.env[each], Tensor)]
        if any(each not in self._of for each in tensors):
            return ()
        known = [self._of[each] for each in tensors]
        wide = max(known, key=len, default=())
        for other in known:
            if len(other) == len(wide):
                self.channels.join(wide, other)
            elif len(other) != 1:  # one channel, which weighs all others
                return ()
        return wide


def _asks_for_size(n: fx.Node) -> bool:
    return n.target in {getattr, "size", "dim"}


def _cuts_places_alone(index: object) -> bool:
    """Tell whether an index takes all channels: ``x[..., :4, :4]`` or ``x[:, :, 1:]``."""
    if not isinstance(index, tuple):
        return False
    if index and index[0] is Ellipsis:
        return len(index) <= MAP_DIMS - 1  # the last dimensions, none of them the channels'
    return len(index) > 1 and index[:2] == (slice(None), slice(None))


def importances(channels: Channels, weights: Mapping[str, Tensor]) -> dict[int, float]:
    """Return how large the weights of each channel are: of all that make, scale and read it.

    Each tensor counts by its share of its own largest, or wide layers would outweigh narrow ones.
    Depthwise weights and norms count as those of convolutions do (Fang et al., DepGraph, CVPR
    2023).

    Args:
        weights: the network's state.
    """
    total: dict[int, float] = {}
    for each in channels.slices:
        if each.tensor.rpartition(".")[2].startswith("running_"):
            continue
        tensor = weights[each.tensor].detach().double()
        norms = tensor.transpose(0, each.dim).reshape(len(each.channels), -1).square().sum(1)
        largest = float(norms.max()) or 1.0
        for channel, norm in zip(each.channels, norms.tolist(), strict=True):
            root = channels.root(channel)
            total[root] = total.get(root, 0.0) + norm / largest
    return total


def choose(
    channels: Channels, importance: Mapping[int, float], widths: Mapping[str, int]
) -> frozenset[int]:
    """Return the roots of the channels that stay, the most important of each convolution.

    Args:
        widths: how many each convolution is to make, by its name.

    Raises:
        UsageError: two convolutions whose channels are added cannot be so wide.
    """
    must = channels.kept
    decided: dict[int, bool] = dict.fromkeys(must, True)
    for name, made in channels.made.items():
        roots = [channels.root(each) for each in made]
        stays = sum(decided.get(root, False) for root in roots)
        free = [root for root in roots if root not in decided]
        wanted = widths[name] - stays
        if not 0 <= wanted <= len(free):
            raise UsageError(
                f"convolution {name!r} cannot be {widths[name]} channels wide: {stays} of its "
                f"{len(roots)} must stay, and {len(free)} are free"
            )
        # Of equals the first, so that the choice is the same everywhere.
        ranked = sorted(free, key=lambda root: -importance[root])
        decided.update(dict.fromkeys(ranked[:wanted], True))
        decided.update(dict.fromkeys(ranked[wanted:], False))
    return frozenset(root for root, stay in decided.items() if stay)


def cut(
    channels: Channels, weights: Mapping[str, Tensor], stay: frozenset[int]
) -> dict[str, Tensor]:
    """Return weights with the channels that stay, and no others."""
    found = {name: tensor.detach().clone() for name, tensor in weights.items()}
    for each in channels.slices:
        places = [at for at, channel in enumerate(each.channels) if channels.root(channel) in stay]
        index = torch.tensor(places, dtype=torch.long, device=found[each.tensor].device)
        found[each.tensor] = found[each.tensor].index_select(each.dim, index)
    return found
