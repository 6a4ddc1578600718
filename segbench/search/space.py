"""What a search may choose: named dimensions, and the network that a choice of each stands for."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias

from segbench.errors import UsageError
from segbench.search.layers import Layer
from zoo.spec import ModelSpec

Choice: TypeAlias = int | str
Values: TypeAlias = Mapping[str, Choice]


class LayersOf(Protocol):
    """What a study says of the operators of a network."""

    def __call__(self, values: Values, *, size: tuple[int, int], classes: int) -> Sequence[Layer]:
        """Return the layers, in any order."""
        ...


@dataclass(frozen=True)
class Width:
    """A number of channels, from `low` to `high` in steps; 0 is for a part that may be left out.

    >>> Width("squeeze_1", 8, 24, 8).choices
    (8, 16, 24)
    """

    name: str
    low: int
    high: int
    step: int = 8

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high or self.step < 1 or (self.high - self.low) % self.step:
            raise UsageError(
                f"width {self.name!r} cannot go from {self.low} to {self.high} by {self.step}; "
                "give numbers from 0 on that are whole steps apart"
            )

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """All that can be chosen, in order."""
        return tuple(range(self.low, self.high + 1, self.step))

    @property
    def coordinates(self) -> dict[Choice, tuple[float, ...]]:
        """One for each choice, from 0 to 1."""
        last = max(1, len(self.choices) - 1)
        return {choice: (at / last,) for at, choice in enumerate(self.choices)}


@dataclass(frozen=True)
class Kind:
    """One of several kinds, which have no order."""

    name: str
    options: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.options)) != len(self.options) or not self.options:
            raise UsageError(f"kind {self.name!r} must have options that differ: {self.options}")

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All that can be chosen."""
        return self.options

    @property
    def coordinates(self) -> dict[Choice, tuple[float, ...]]:
        """One for each option of each choice; of two options a single one tells them apart."""
        if len(self.options) == 2:  # noqa: PLR2004
            return {self.options[0]: (0.0,), self.options[1]: (1.0,)}
        return {
            choice: tuple(float(choice == option) for option in self.options)
            for choice in self.options
        }


Dimension: TypeAlias = Width | Kind


@dataclass(frozen=True)
class Study:
    """A space of networks, and those that a search of it begins with.

    Attributes:
        name: what the study's file is called.
        summary: one line on what is searched.
        dimensions: the same for all networks, so that every sampler can use all it has seen.
        build: makes a network of a choice in every dimension.
        layers: returns what that network does with an image of a size, for a number of classes,
            operator by operator; latencies are predicted from it.
        first: choices that are tried before any other; the first of them is the rival, by which
            latencies are checked and which is to be beaten.
    """

    name: str
    summary: str
    dimensions: tuple[Dimension, ...]
    build: Callable[[Values], ModelSpec]
    layers: LayersOf
    first: tuple[Values, ...]

    def __post_init__(self) -> None:
        names = [dimension.name for dimension in self.dimensions]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise UsageError(f"study {self.name!r} has two dimensions {name!r}")
        if not self.first:
            raise UsageError(f"study {self.name!r} begins with nothing; give a rival in first")
        for values in self.first:
            self.check(values)

    @property
    def rival(self) -> ModelSpec:
        """The network that is to be beaten."""
        return self.build(self.first[0])

    def check(self, values: Values) -> None:
        """Refuse what is not a choice in every dimension.

        Raises:
            UsageError: naming the first dimension that is wrong.
        """
        for dimension in self.dimensions:
            given = values.get(dimension.name)
            if given not in dimension.choices:
                raise UsageError(
                    f"study {self.name!r} cannot choose {given!r} for {dimension.name!r}; "
                    f"choose from {', '.join(map(str, dimension.choices))}"
                )
        unknown = values.keys() - {dimension.name for dimension in self.dimensions}
        if unknown:
            raise UsageError(f"study {self.name!r} has no dimension {min(unknown)!r}")

    def draw(self, rng: random.Random) -> dict[str, Choice]:
        """Return a choice in every dimension, each as likely as the others."""
        return {dimension.name: rng.choice(dimension.choices) for dimension in self.dimensions}

    def place(self, values: Values) -> list[float]:
        """Return where a choice lies: a coordinate in 0..1 for each width, one for each option.

        >>> from zoo.spec import ModelSpec
        >>> study = Study("s", "", (Width("w", 8, 24), Kind("k", ("a", "b"))),
        ...     lambda values: ModelSpec("segfast"), lambda values, **_: [], ({"w": 8, "k": "a"},))
        >>> study.place({"w": 16, "k": "b"})
        [0.5, 1.0]
        """
        return [
            coordinate
            for name, coordinates in self._coordinates.items()
            for coordinate in coordinates[values[name]]
        ]

    @cached_property
    def _coordinates(self) -> dict[str, dict[Choice, tuple[float, ...]]]:
        """Coordinates of each choice; a search asks for thousands before each proposal."""
        return {dimension.name: dimension.coordinates for dimension in self.dimensions}


def mutate(study: Study, values: Values, rng: random.Random, *, changes: int) -> dict[str, Choice]:
    """Return a choice that differs in up to so many dimensions; widths go to near ones mostly."""
    found = dict(values)
    for dimension in rng.sample(study.dimensions, min(changes, len(study.dimensions))):
        choices = dimension.choices
        if isinstance(dimension, Width):
            at = choices.index(found[dimension.name])
            most = max(1, len(choices) // 4)
            to = at + rng.choice((-1, 1)) * rng.randint(1, most)
            found[dimension.name] = choices[min(max(to, 0), len(choices) - 1)]
        else:
            found[dimension.name] = rng.choice(choices)
    return found


def cross(one: Values, other: Values, rng: random.Random) -> dict[str, Choice]:
    """Return a choice that has each dimension from either."""
    return {name: (one, other)[rng.getrandbits(1)][name] for name in one}


def key_of(values: Values, study: Study) -> str:
    """Return a text that two choices share where they stand for the same network."""
    return str(study.build(values))


def narrowed(values: Values, dimensions: Sequence[Dimension], share: float) -> dict[str, Choice]:
    """Return a choice with every width at so large a share of it, as near as its steps come.

    >>> narrowed({"w": 64, "k": "a"}, (Width("w", 8, 96), Kind("k", ("a",))), 0.6)
    {'w': 40, 'k': 'a'}
    """
    found = dict(values)
    for dimension in dimensions:
        if isinstance(dimension, Width):
            wanted = share * int(values[dimension.name])
            found[dimension.name] = min(
                dimension.choices, key=lambda choice: abs(int(choice) - wanted)
            )
    return found
