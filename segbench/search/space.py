"""Search space: named dimensions, and the network of a choice in each."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias, TypeVar

from segbench.errors import UsageError, one_line
from segbench.search.layer_costs import Layer, is_layer
from zoo.allowed import allow_named
from zoo.spec import ModelSpec

T = TypeVar("T")

Choice: TypeAlias = int | str
Values: TypeAlias = Mapping[str, Choice]

MAX_SHOWN = 80  # characters of a choice, or of all that may be chosen, in an error


class LayersOf(Protocol):
    """Function of a study that returns the operators of a network."""

    def __call__(self, values: Values, *, size: tuple[int, int], classes: int) -> Sequence[Layer]:
        """Return the layers, in any order."""
        ...


@dataclass(frozen=True)
class Width:
    """Number of channels, from `low` to `high` in steps; 0 leaves a part out.

    >>> Width("squeeze_1", 8, 24, 8).choices
    (8, 16, 24)
    """

    name: str
    low: int
    high: int
    step: int = 8

    def __post_init__(self) -> None:
        whole = all(type(number) is int for number in (self.low, self.high, self.step))
        if (
            not whole
            or not 0 <= self.low <= self.high
            or self.step < 1
            or (self.high - self.low) % self.step
        ):
            raise UsageError(
                f"width {self.name!r} cannot go from {self.low} to {self.high} by {self.step}; "
                "give numbers from 0 on that are whole steps apart"
            )

    @property
    def identity(self) -> str:
        """The choices as text, equal only for equal widths.

        >>> Width("squeeze_1", 8, 24).identity
        '8 to 24 by 8'
        """
        return f"{self.low} to {self.high} by {self.step}"

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """All that can be chosen, in order."""
        return tuple(range(self.low, self.high + 1, self.step))

    @property
    def coordinates(self) -> dict[Choice, tuple[float, ...]]:
        """Coordinate of each choice, from 0 to 1."""
        last = max(1, len(self.choices) - 1)
        return {choice: (at / last,) for at, choice in enumerate(self.choices)}


@dataclass(frozen=True)
class Kind:
    """Categorical choice, without an order."""

    name: str
    options: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.options)) != len(self.options) or not self.options:
            raise UsageError(f"kind {self.name!r} must have options that differ: {self.options}")
        if not all(isinstance(option, str) for option in self.options):
            raise UsageError(f"kind {self.name!r} must have options that are text: {self.options}")

    @property
    def identity(self) -> list[str]:
        """The choices, as JSON."""
        return list(self.options)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All that can be chosen."""
        return self.options

    @property
    def coordinates(self) -> dict[Choice, tuple[float, ...]]:
        """One-hot coordinates of each choice; a single one for two options."""
        if len(self.options) == 2:  # noqa: PLR2004
            return {self.options[0]: (0.0,), self.options[1]: (1.0,)}
        return {
            choice: tuple(float(choice == option) for option in self.options)
            for choice in self.options
        }


Dimension: TypeAlias = Width | Kind


@dataclass(frozen=True)
class Study:
    """Search space, and the networks that a search of it begins with.

    Attributes:
        name: name of the study's file.
        summary: one line on what is searched.
        dimensions: the same for all networks, so that every sampler can use all trials.
        build: returns the network of a choice in every dimension; called by `network`.
        layers: returns the operators of that network, for an image size and a number of classes;
            latencies are predicted from them. Called by `operators`.
        first: choices that are tried before any other. The first of them is the reference model:
            latencies are ratios to its latency, and the search is for better networks.
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
            raise UsageError(
                f"study {self.name!r} begins with nothing; give a reference model in first"
            )
        for values in self.first:
            self.check(values)

    @property
    def reference_model(self) -> ModelSpec:
        """The first network, which all others are compared with."""
        return self.network(self.first[0])

    @property
    def identity(self) -> dict[str, Any]:
        """What must not change when a search is resumed, as JSON: space and first networks."""
        return {
            "space": {dimension.name: dimension.identity for dimension in self.dimensions},
            "first": {
                str(at): self.network(values).to_json() for at, values in enumerate(self.first)
            },
        }

    def network(self, values: Values) -> ModelSpec:
        """Return the network of a choice.

        The code that it names may be imported, because the study's own code runs already.

        Raises:
            UsageError: `build` raises anything, or returns no specification.
        """

        def build(chosen: dict[str, Choice]) -> ModelSpec:
            spec = self.build(chosen)
            if not isinstance(spec, ModelSpec):
                raise TypeError(f"it returned {_shown(spec)}; return a zoo.spec.ModelSpec")
            return spec

        found = self._ask("build", build, values)
        allow_named(str(found))
        return found

    def operators(self, values: Values, *, size: tuple[int, int], classes: int) -> Sequence[Layer]:
        """Return the operators of a choice's network, for an image size and a number of classes.

        Raises:
            UsageError: `layers` raises anything, or returns something else.
        """

        def layers(chosen: dict[str, Choice]) -> tuple[Layer, ...]:
            found = tuple(self.layers(chosen, size=size, classes=classes))
            for each in found:
                if not is_layer(each):
                    raise TypeError(
                        f"it returned {_shown(each)}; return what segbench.search.layer_costs makes"
                    )
            return found

        return self._ask("layers", layers, values)

    def _ask(self, name: str, function: Callable[[dict[str, Choice]], T], values: Values) -> T:
        """Call a function of the study, which may raise anything, or change its argument."""
        try:
            return function(dict(values))
        except KeyboardInterrupt:  # it is the user's, and may fall anywhere
            raise
        except BaseException as error:
            raise UsageError(
                f"study {self.name!r} failed in {name}, for {in_words(values)}: {said_of(error)}"
            ) from error

    def check(self, values: Values) -> None:
        """Refuse values that are no choice in every dimension.

        Raises:
            UsageError: naming the first dimension that is wrong.
        """
        for dimension in self.dimensions:
            given = values.get(dimension.name)
            if given not in dimension.choices:
                raise UsageError(
                    f"study {self.name!r} cannot choose {_shown(given)} for {dimension.name!r}; "
                    f"choose from {_cut(', '.join(map(str, dimension.choices)))}"
                )
        unknown = values.keys() - {dimension.name for dimension in self.dimensions}
        if unknown:
            raise UsageError(f"study {self.name!r} has no dimension {min(unknown)!r}")

    def draw(self, rng: random.Random) -> dict[str, Choice]:
        """Return a choice in every dimension, each as likely as the others."""
        return {dimension.name: rng.choice(dimension.choices) for dimension in self.dimensions}

    def place(self, values: Values) -> list[float]:
        """Return the coordinates of a choice, 0 to 1: one for each width, one for each option.

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
        """Coordinates of each choice, cached: a search needs thousands before each proposal."""
        return {dimension.name: dimension.coordinates for dimension in self.dimensions}


def mutate(study: Study, values: Values, rng: random.Random, *, changes: int) -> dict[str, Choice]:
    """Return a choice changed in up to so many dimensions, widths by small steps mostly."""
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
    """Return a uniform crossover of two choices."""
    return {name: (one, other)[rng.getrandbits(1)][name] for name in one}


def key_of(values: Values, study: Study) -> str:
    """Return the specification of a choice's network, equal for equal networks."""
    return str(study.network(values))


def in_words(values: Values) -> str:
    """Return a choice as text for an error, cut if it is long.

    >>> in_words({"stem": 16, "branch": "standard"})
    'stem=16, branch=standard'
    """
    return _cut(", ".join(f"{name}={choice}" for name, choice in values.items()))


def said_of(error: BaseException) -> str:
    """Return one line on an exception of a user's code.

    >>> said_of(KeyError("wide"))
    "KeyError: 'wide'"
    """
    try:
        words = one_line(str(error))
    except Exception:  # noqa: BLE001 - the text is the user's code too
        words = ""
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _shown(found: object) -> str:
    """Return the beginning of an object's repr; its type, if that fails."""
    try:
        return _cut(repr(found))
    except Exception:  # noqa: BLE001 - that is the user's code too
        return f"an object of type {type(found).__name__!r}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 4]} ..."


def narrowed(values: Values, dimensions: Sequence[Dimension], share: float) -> dict[str, Choice]:
    """Return a choice with every width multiplied by a share, rounded to its steps.

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
