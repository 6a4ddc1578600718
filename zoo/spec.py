"""A network's name and options, as text and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any, Self

from zoo.allowed import check_allowed
from zoo.errors import SpecError, ZooError, did_you_mean
from zoo.files import FileError, read_json
from zoo.frozen import FrozenMapping
from zoo.values import Value, check_option_name, normal, read_options, write_value

__all__ = ["ModelSpec"]

_KEYS = ("name", "options")


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """A network to build: the name of its builder and the options that differ from the defaults.

    Specs are immutable and hashable. Two are equal where their texts are, so ``x=1``, ``x=1.0``
    and ``x=true`` are three specs.

    Attributes:
        name: a name of the zoo, an import string ``package.module:builder``, or an entry point.
        options: sorted by name; numbers, true or false, texts, and tuples of these.

    >>> spec = ModelSpec("segfast", {"classes": 12, "squeeze": (16,) * 8})
    >>> str(spec)
    'segfast,classes=12,squeeze=16:16:16:16:16:16:16:16'
    >>> ModelSpec.parse(str(spec)) == spec
    True
    """

    name: str
    options: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_name(self.name)
        options = {}
        for option, value in self.options.items():
            check_option_name(option)
            try:
                options[option] = normal(value)
            except SpecError as error:
                raise SpecError(f"option {option!r} of model {self.name!r}: {error}") from None
        object.__setattr__(self, "options", FrozenMapping(options))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form: a name, then ``,option=value`` any number of times.

        A name that ends in ``.json`` is a spec file (see `read`), whose options the ones that
        follow override.

        Raises:
            SpecError: the text is malformed, or the file cannot be read.

        >>> ModelSpec.parse("segfast,branch_conv=standard").options["branch_conv"]
        'standard'
        """
        name, comma, rest = text.partition(",")
        name = name.strip()
        try:
            options = read_options(rest) if comma else {}
            if not name.endswith(".json"):
                return cls(name, options)
        except SpecError as error:
            raise SpecError(f"cannot read model {text!r}: {error}") from None
        return cls.read(name).with_options(**options)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Self:
        """Read a JSON file that holds a spec, at its top or under the key ``model``.

        Raises:
            SpecError: the file is missing, cut off, or holds no spec.
            ForbiddenImportError: it names code that nobody has allowed it to import.
        """
        try:
            found = read_json(path, what="model file")
            if isinstance(found, dict) and isinstance(found.get("model"), dict):
                found = found["model"]
            spec = cls.from_json(found)
        except ZooError as error:
            reason = error.reason if isinstance(error, FileError) else str(error)
            raise SpecError(
                f"cannot read model file {fspath(path)!r}: {reason}; "
                'give a JSON file like {"name": "segfast", "options": {"classes": 12}}'
            ) from error
        check_allowed(spec.name, source=f"model file {fspath(path)!r}")
        return spec

    @classmethod
    def from_json(cls, obj: object) -> Self:
        """Make a spec from ``{"name": ..., "options": {...}}``; the options may be left out.

        >>> str(ModelSpec.from_json({"name": "segfast", "options": {"squeeze": [16, 32]}}))
        'segfast,squeeze=16:32'
        """
        if not isinstance(obj, Mapping):
            raise SpecError(f"a model is an object with a name and options, not {_shown(obj)}")
        for key in obj:
            if key not in _KEYS:
                hint = did_you_mean(str(key), _KEYS)
                raise SpecError(f"unknown key {_shown(key)} in a model{hint} (keys: name, options)")
        options = obj.get("options", {})
        if not isinstance(options, Mapping):
            raise SpecError(f"a model's options are an object, not {_shown(options)}")
        return cls(obj.get("name", ""), options)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, in types that the json module writes.

        >>> ModelSpec("segfast", {"squeeze": (16, 32)}).to_json()
        {'name': 'segfast', 'options': {'squeeze': [16, 32]}}
        """
        options = self.options.items()
        return {
            "name": self.name,
            "options": {k: list(v) if isinstance(v, tuple) else v for k, v in options},
        }

    def with_options(self, /, **options: Value) -> Self:
        """Return a spec in which these options are set over the ones it has.

        >>> str(ModelSpec("segfast", {"classes": 12}).with_options(classes=2, stem_width=32))
        'segfast,classes=2,stem_width=32'
        """
        return type(self)(self.name, {**self.options, **options})

    def __str__(self) -> str:
        texts = (f"{option}={write_value(value)}" for option, value in self.options.items())
        return ",".join((self.name, *texts))

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, ModelSpec) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise SpecError(f"a model needs a name, such as 'segfast', not {_shown(name)}")
    if not name.isprintable() or set(name) & set(' ,=@"'):
        raise SpecError(
            f"{name!r} is no model name; it may hold no space, comma, '=', '@' or quote"
        )
    if name.endswith(".json"):
        raise SpecError(f"{name!r} is a file, not a model's name; read it with ModelSpec.read")


def _shown(value: object, limit: int = 40) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."
