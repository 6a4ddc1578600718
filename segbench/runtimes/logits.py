"""The logits in what a network returns: taken out of it, and enlarged to the image's size.

Networks from elsewhere return a tensor, a dict, a tuple or an object of their own, and many of them
logits of a lower resolution than the image's. What is found is a :class:`Head`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeGuard

from torch import Tensor, nn
from torch.nn import functional

from segbench.errors import UsageError, one_line
from segbench.runtimes.model import describe_output

Shape: TypeAlias = tuple[int, int, int, int]
Step: TypeAlias = str | int  # a key or an attribute; a position

NAMES = ("out", "logits")  # what torchvision and transformers call them


@dataclass(frozen=True)
class Head:
    """How the logits of the image's size come out of what a network returns.

    Attributes:
        path: keys, attributes and positions that lead to the logits; empty where they are all.
        stride: pixels of the image for each of the logits, along height and width.
        size: that they are enlarged to, bilinearly; None where they stay as they are.
    """

    path: tuple[Step, ...] = ()
    stride: tuple[float, float] = (1.0, 1.0)
    size: tuple[int, int] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the output is the logits, and nothing is done to them."""
        return not self.path and self.size is None

    def logits(self, output: object) -> Tensor:
        """Return the logits of an output."""
        found: Any = output
        for step in self.path:
            found = _part(found, step)
        logits: Tensor = found
        if self.size is None:
            return logits
        return functional.interpolate(logits, size=self.size, mode="bilinear", align_corners=False)

    def __str__(self) -> str:
        """Return it in words; empty for logits of the image's size that are the whole output.

        >>> str(Head(("out",))), str(Head((1, "out"), stride=(4.0, 4.0), size=(224, 224)))
        ('out', '[1].out, stride 4, enlarged')
        """
        words = ["".join(map(_step, self.path)).removeprefix(".")] if self.path else []
        if self.stride != (1.0, 1.0):
            down, across = (f"{pixels:.4g}" for pixels in self.stride)
            words.append(f"stride {down}" if down == across else f"stride {down}x{across}")
        if self.size is not None:
            words.append("enlarged")
        return ", ".join(words)


def _step(step: Step) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step}"


def find_head(
    output: object, name: str, shape: Shape, *, part: str | None = None, enlarge: bool = True
) -> Head:
    """Find the logits in what a network returned for an input.

    Args:
        name: the network's, for errors.
        shape: of the input, (batch, channels, height, width).
        part: the key, attribute or position that holds the logits, where it is known.
        enlarge: whether logits of a lower resolution are to be enlarged.

    Raises:
        UsageError: there are none, or it cannot be told which they are.

    >>> import torch
    >>> find_head({"out": torch.zeros(1, 5, 2, 2), "aux": None}, "mine", (1, 3, 8, 8))
    Head(path=('out',), stride=(4.0, 4.0), size=(8, 8))
    """
    path, logits = _find(output, name, shape, part)
    height, width = shape[2:]
    rows, columns = logits.shape[2:]
    if rows > height or columns > width:
        raise UsageError(
            f"network {name!r} returned logits of {rows}x{columns} for an image of "
            f"{height}x{width}; segbench takes those of at most the image's size"
        )
    is_smaller = (rows, columns) != (height, width)
    return Head(
        path=path,
        stride=(height / rows, width / columns),
        size=(height, width) if enlarge and is_smaller else None,
    )


def _find(
    output: object, name: str, shape: Shape, part: str | None
) -> tuple[tuple[Step, ...], Tensor]:
    if part is not None:
        step: Step = int(part) if part.isdigit() and not isinstance(output, Mapping) else part
        found = _part(output, step)
        if not _is_map(found, shape):
            raise UsageError(
                f"network {name!r} returned {_describe(output)}, with no logits at {part!r}; name "
                "the part that holds them with --logits, or leave it out"
            )
        return (step,), found
    maps = list(_maps(output, shape))
    named = [each for each in maps if each[0] and each[0][-1] in NAMES]
    if named:
        return named[0]
    if len(maps) > 1 and isinstance(output, Mapping):
        keys = ", ".join(repr(path[0]) for path, _ in maps)
        raise UsageError(
            f"network {name!r} returned a dict with several maps: {one_line(keys)}; name the one "
            f"that holds the logits, such as --logits {maps[0][0][0]}"
        )
    if not maps:
        raise UsageError(
            f"network {name!r} returned {_describe(output)}; segbench needs a floating map of "
            f"logits ({shape[0]}, classes, height, width), alone or in a dict, tuple or object: "
            "wrap it in a module that returns that"
        )
    return maps[0]


def _maps(output: object, shape: Shape) -> Iterator[tuple[tuple[Step, ...], Tensor]]:
    """Give all maps that may be logits, in their order, with what leads to them."""
    if _is_map(output, shape):
        yield (), output
    elif isinstance(output, Mapping):
        for key, value in output.items():
            if isinstance(key, str):
                yield from _below(key, value, shape)
    elif isinstance(output, list | tuple):
        for position, value in enumerate(output):
            yield from _below(position, value, shape)
    else:
        for name in NAMES:
            yield from _below(name, getattr(output, name, None), shape)


def _below(step: Step, value: object, shape: Shape) -> Iterator[tuple[tuple[Step, ...], Tensor]]:
    if value is not None:
        yield from (((step, *path), found) for path, found in _maps(value, shape))


def _is_map(value: object, shape: Shape) -> TypeGuard[Tensor]:
    """Tell whether something is (batch, classes, height, width) with something in it."""
    return (
        isinstance(value, Tensor)
        and value.dim() == len(shape)
        and value.shape[0] == shape[0]
        and value.numel() > 0
        and value.is_floating_point()
    )


def _part(output: Any, step: Step) -> Any:  # noqa: ANN401 - whatever a network returns
    if isinstance(output, Mapping):
        return output.get(step)
    if isinstance(step, int):
        return output[step] if isinstance(output, list | tuple) and step < len(output) else None
    return getattr(output, step, None)


def _describe(output: object) -> str:
    if isinstance(output, Tensor):
        return f"a {output.dtype} tensor of size {tuple(output.shape)}"
    return describe_output(output)


class Heads:
    """The heads of a network: one for each mode, found when it first runs in it.

    Args:
        name: the network's, for errors.
        part: see :func:`find_head`, as `enlarge`.
    """

    def __init__(self, name: str, *, part: str | None = None, enlarge: bool = True) -> None:
        self._name, self._part, self._enlarge = name, part, enlarge
        self._found: dict[bool, Head] = {}

    def of(self, output: object, shape: Shape, *, training: bool) -> Head:
        """Return the head of a mode, from an output in it if it is the first.

        Raises:
            UsageError: there are no logits in the output.
        """
        if training not in self._found:
            self._found[training] = find_head(
                output, self._name, shape, part=self._part, enlarge=self._enlarge
            )
        return self._found[training]

    def at_stride(self) -> Heads:
        """Return the same heads, as far as they were found, which enlarge nothing."""
        other = Heads(self._name, part=self._part, enlarge=False)
        other._found = {mode: replace(head, size=None) for mode, head in self._found.items()}
        return other

    def logits(self, output: object, shape: Shape, *, training: bool) -> Tensor:
        """Return the logits of an output; likewise."""
        return self.of(output, shape, training=training).logits(output)


class WithHead(nn.Module):
    """A network that returns its logits alone, at the image's size.

    Args:
        network: whatever it returns, its logits must be found in it.

    >>> import torch
    >>> pooled = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(3, 5, 1))
    >>> WithHead(pooled, Heads("mine"))(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 5, 8, 8])
    """

    def __init__(self, network: nn.Module, heads: Heads) -> None:
        super().__init__()
        self.network = network
        self.heads = heads
        self.training = network.training

    def forward(self, images: Tensor) -> Tensor:
        """Map images (batch, channels, height, width) to logits of their size."""
        batch, channels, height, width = (int(length) for length in images.shape)
        shape = (batch, channels, height, width)
        return self.heads.logits(self.network(images), shape, training=self.training)
