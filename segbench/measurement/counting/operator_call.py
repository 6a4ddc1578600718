"""One call of an operator, reduced to what a rule may look at: names, numbers and shapes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class TensorShape:
    """The shape of a tensor and what numbers it holds.

    Args:
        floating: real or complex numbers, not whole ones.
        complex: complex numbers.

    >>> TensorShape((1, 3, 4, 4), floating=True).size
    48
    """

    shape: tuple[int, ...]
    floating: bool
    complex: bool = False

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class OperatorCall:
    """A call: arguments by the names of the operator's schema, tensors as their shapes.

    ``name`` has its namespace (``aten::relu_``); ``bare_name`` neither that nor the underscore of
    the in-place variant.

    >>> OperatorCall("aten::relu_", {}, ()).bare_name
    'relu'
    """

    name: str
    arguments: Mapping[str, object]
    results: tuple[TensorShape | None, ...]

    @property
    def bare_name(self) -> str:
        """The operator's name as the table of rules spells it."""
        return bare_name(self.name)

    def tensor(self, name: str) -> TensorShape:
        """The shape of a tensor argument."""
        value = self.arguments[name]
        if not isinstance(value, TensorShape):
            raise TypeError(f"{self.name}: argument '{name}' is {value!r}, not a tensor")
        return value

    def integers(self, name: str) -> tuple[int, ...]:
        """An argument that is a list of whole numbers, or a single one."""
        value = self.arguments[name]
        values = value if isinstance(value, (list, tuple)) else (value,)
        whole = tuple(item for item in values if isinstance(item, int))
        if len(whole) != len(values):
            raise TypeError(f"{self.name}: argument '{name}' is {value!r}, not whole numbers")
        return whole

    def flags(self, name: str) -> tuple[bool, ...]:
        """An argument that is a list of booleans."""
        return tuple(bool(value) for value in self.integers(name))

    @property
    def result(self) -> TensorShape:
        """The shape of the first result."""
        if not self.results or self.results[0] is None:
            raise TypeError(f"{self.name}: the first result is no tensor")
        return self.results[0]

    @property
    def computes(self) -> bool:
        """Whether this is arithmetic of data: that of sizes has whole numbers and no dimension."""
        return any(operand.floating and operand.shape for operand in self.operands)

    @property
    def is_complex(self) -> bool:
        """Whether a tensor among the arguments holds complex numbers."""
        return any(operand.complex for operand in self.operands)

    @property
    def operands(self) -> Iterator[TensorShape]:
        """Every tensor among the arguments, those in lists too."""
        for value in self.arguments.values():
            for item in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(item, TensorShape):
                    yield item


def bare_name(name: str) -> str:
    """An operator's name without namespace and without the mark of the in-place variant.

    >>> bare_name("aten::add_"), bare_name("aten::__and__")
    ('add', '__and__')
    """
    name = name.rpartition("::")[2]
    return name if name.endswith("__") else name.removesuffix("_")
