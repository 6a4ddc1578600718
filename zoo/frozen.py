"""A mapping that cannot change, for the fields of frozen dataclasses."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

__all__ = ["FrozenMapping"]

V = TypeVar("V")


class FrozenMapping(Mapping[str, V], Generic[V]):
    """A hashable mapping from text, iterated in the order of its sorted keys.

    Unlike ``types.MappingProxyType`` it can be hashed, pickled and deep-copied.

    >>> FrozenMapping({"b": 2, "a": 1})
    FrozenMapping({'a': 1, 'b': 2})
    """

    def __init__(self, items: Mapping[str, V]) -> None:
        self._items = dict(sorted(items.items()))

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(tuple(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenMapping({self._items!r})"
