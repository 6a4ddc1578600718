"""Candidates: a network with its weights, the runtime that it runs in, and its threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from segbench.errors import UsageError
from segbench.quantities import Number
from zoo.errors import SpecError, did_you_mean
from zoo.frozen import FrozenMapping
from zoo.spec import ModelSpec
from zoo.values import (
    Value,
    normal,
    read_options,
    split_at_last_outside_quotes,
    write_value,
)
from zoo.weights import names_weights, read_model_of

HEADS = ("logits", "logits-nhwc", "argmax", "argmax-strided")
"""Forms in which logits are handed out; the first is the default."""
PRECISIONS = ("fp32", "bf16", "fp16", "int8")
SYNONYMS = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
"""Other names of precisions, those of torch's types."""
DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "int8": "int8"}
"""What ``workload.dtype`` of a result calls each precision."""


SCENES = 64
"""Drawn street scenes that a network in int8 is calibrated with, where nobody has calibrated it."""
TOLERANCES = {"fp32": 1e-4, "bf16": 0.05}
"""How far a logit may be from that of eager in single precision, as a share of the largest.

Single precision differs by the order of sums alone (3e-7 for SegFast). bfloat16 has 8 bits of
mantissa, whose errors add up over the layers (7e-3). A precision that is not here is not compared.
"""
LEAST_AGREEMENT = {"fp32": 0.999, "bf16": 0.97}
"""The least share of pixels with the same class (bfloat16: 0.993 to 0.998 for SegFast)."""
MOST_BEYOND = 1e-3
"""The largest share of logits that may be farther.

Where two values in a window of a pooling are all but equal, another order of sums makes another the
largest, and an unpooling puts it elsewhere.
"""
MOVED = 1e-6
"""How far images are moved to see what a network makes of rounding, as a share of the largest.

Sums of single precision in another order differ by so much in a network of twenty layers.
"""
BOTH_ROUND = 2
"""How many times as far as eager is then a runtime may be, for both round their sums."""


def is_close(
    beyond: float | None,
    agreement: float,
    precision: str,
    *,
    moved: tuple[float | None, float] | None = None,
) -> bool:
    """Tell whether a runtime that computes with a precision does what eager does.

    Args:
        beyond: share of logits that differ by more than the tolerance; None where there are none.
        agreement: share of pixels with the same class.
        moved: the same two of eager itself for images that were moved by `MOVED`, where the network
            makes much of that. A runtime may be twice as far: it rounds, and so does eager.

    >>> is_close(0.02, 0.9995, "fp32"), is_close(0.02, 0.9995, "fp32", moved=(0.05, 0.999))
    (False, True)
    """
    most, least = MOST_BEYOND, LEAST_AGREEMENT[precision]
    if moved is not None:
        most = max(most, BOTH_ROUND * (moved[0] or 0.0))
        least = min(least, 1 - BOTH_ROUND * (1 - moved[1]))
    return (beyond or 0.0) <= most and agreement >= least


def read_precision(text: str) -> str:
    """Return the precision that a text names.

    Raises:
        UsageError: it names none.

    >>> read_precision("bf16"), read_precision("bfloat16")
    ('bf16', 'bf16')
    """
    name = SYNONYMS.get(text, text)
    if name not in PRECISIONS:
        hint = did_you_mean(text, (*PRECISIONS, *SYNONYMS))
        raise UsageError(f"unknown precision {text!r}{hint} (precisions: {', '.join(PRECISIONS)})")
    return name


@dataclass(frozen=True)
class RuntimeSpec:
    """A runtime with its options.

    Attributes:
        name: a row of :data:`segbench.runtimes.RUNTIMES`.
        precision: what it computes with: ``fp32``, ``bf16``, ``fp16`` or ``int8``.
        options: those that differ from the runtime's defaults, sorted by name.

    >>> str(RuntimeSpec("eager")), str(RuntimeSpec("eager", "bf16", {"layout": "nhwc"}))
    ('eager', 'eager:bf16,layout=nhwc')
    """

    name: str = "eager"
    precision: str = "fp32"
    options: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise UsageError(f"{self.name!r} is no runtime's name; write eager")
        object.__setattr__(self, "precision", read_precision(self.precision))
        options = {name: normal(value) for name, value in self.options.items()}
        object.__setattr__(self, "options", FrozenMapping(options))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form: ``RUNTIME[:PRECISION][,option=value...]``.

        Raises:
            UsageError: the text is malformed.

        >>> RuntimeSpec.parse("eager:bf16, layout=nhwc").options["layout"]
        'nhwc'
        """
        head, comma, rest = text.partition(",")
        name, colon, precision = (part.strip() for part in head.partition(":"))
        if colon and not precision:
            raise UsageError(f"cannot read runtime {text!r}: no precision follows the colon")
        try:
            options = read_options(rest) if comma else {}
        except SpecError as error:
            raise UsageError(f"cannot read runtime {text!r}: {error}") from None
        return cls(name, precision or "fp32", options)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Rebuild it from its JSON object."""
        return cls(**fields)

    def __str__(self) -> str:
        precision = "" if self.precision == "fp32" else f":{self.precision}"
        options = (f",{name}={write_value(value)}" for name, value in self.options.items())
        return "".join((self.name, precision, *options))

    @property
    def head(self) -> str:
        """The form in which logits are handed out, one of `HEADS`."""
        return str(self.options.get("head", HEADS[0]))

    @property
    def lower(self) -> bool | None:
        """Whether the network is to be rewritten; None for what its runtime does by default."""
        asked = self.options.get("lower")
        return None if asked is None else bool(asked)


EAGER = RuntimeSpec()
UNSAID = RuntimeSpec("unsaid")
"""The runtime of a text that names none, until something else says which it is."""
GRAPH_RUNTIMES = {".onnx": "onnxruntime", ".xml": "openvino"}
"""What runs a graph file where no runtime is named, by its ending."""
GRAPH = ModelSpec("graph-file")
"""What stands in place of a network where a graph file is measured."""


def is_graph_file(text: str) -> bool:
    """Tell whether a model's text is the path of a graph file.

    >>> is_graph_file("exported/segfast.onnx"), is_graph_file("segfast")
    (True, False)
    """
    return Path(text).suffix in GRAPH_RUNTIMES


def split_runtime(text: str) -> tuple[str, str | None]:
    """Split a candidate's text into its network, or its weights, and the runtime that it names.

    They are split at the last ``@`` outside of quotes. What is there as a path wins: the whole
    text, else the longest part before an ``@``, whatever is in its name.

    >>> split_runtime("segfast@openvino:bf16"), split_runtime("segfast,init=he")
    (('segfast', 'openvino:bf16'), ('segfast,init=he', None))
    """
    if _exists(text):
        return text, None
    places = [place for place, letter in enumerate(text) if letter == "@"]
    for place in reversed(places):
        if _exists(text[:place]):
            return text[:place], text[place + 1 :]
    model, at, named = split_at_last_outside_quotes(text, "@")
    file = text.partition(",")[0]  # of JSON, with options after it
    is_within_file = len(model) < len(file) and _exists(file.strip())
    return (model, named) if at and not is_within_file else (text, None)


def _exists(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):  # a name that is too long, or has a null character
        return False


def names_runtime(text: str) -> bool:
    """Tell whether a candidate's text names a runtime.

    >>> names_runtime("segfast@openvino"), names_runtime("segfast,init=he")
    (True, False)
    """
    return split_runtime(text)[1] is not None


def without_runtime(text: str, *, what: str, why: str) -> str:
    """Return a text that names no runtime, where none makes sense.

    Args:
        what: what cannot be done with it, as a verb.
        why: as a sentence.

    Raises:
        UsageError: it names one.

    >>> without_runtime("segfast@openvino", what="train", why="training runs in eager PyTorch")
    Traceback (most recent call last):
    segbench.errors.UsageError: cannot train 'segfast@openvino': training runs in eager PyTorch; \
leave out '@openvino'
    """
    runtime = split_runtime(text)[1]
    if runtime is not None:
        raise UsageError(f"cannot {what} {text!r}: {why}; leave out '@{runtime}'")
    return text


def is_compared(candidate: Candidate) -> bool:
    """Tell whether what a candidate hands out is compared with what eager hands out.

    Eager itself, a graph file and what is calibrated on scenes that it was not trained on are not.

    >>> [is_compared(Candidate.parse(f"segfast@{each}")) for each in ("eager", "openvino")]
    [False, True]
    """
    runtime = candidate.runtime
    return runtime != EAGER and runtime.precision in TOLERANCES and not candidate.is_graph


def calibration_of(candidate: Candidate) -> str | None:
    """Return what a candidate in int8 is calibrated on; None for another precision, or a file.

    >>> calibration_of(Candidate.parse("segfast@openvino:int8"))
    '64 drawn street scenes'
    """
    if candidate.runtime.precision != "int8" or candidate.is_graph:
        return None
    return f"{SCENES} drawn street scenes"


def names_head(text: str) -> bool:
    """Tell whether a candidate's text says in which form logits are handed out.

    >>> names_head("segfast@eager,head=logits"), names_head("segfast@eager")
    (True, False)
    """
    runtime = split_runtime(text)[1]
    return runtime is not None and "head" in RuntimeSpec.parse(runtime).options


def with_head(candidate: Candidate, head: str) -> Candidate:
    """Return a candidate that names its head, be it the default.

    >>> str(with_head(Candidate.parse("segfast"), "argmax"))
    'segfast@eager,head=argmax'
    """
    options = {**candidate.runtime.options, "head": head}
    return replace(candidate, runtime=replace(candidate.runtime, options=options))


@dataclass(frozen=True)
class Candidate:
    """What is measured: a network with its weights, in a runtime, with so many threads.

    Attributes:
        spec: the network, as it was asked for.
        weights: the run's folder, the file or the pretrained network that its weights are of;
            None where they are drawn by a seed.
        threads: None where the run says how many.

    >>> candidate = Candidate.parse("segfast,classes=12@eager,threads=2")
    >>> str(candidate), candidate.label
    ('segfast,classes=12@eager,threads=2', 'segfast@eager,threads=2')
    >>> Candidate.parse(str(candidate)) == candidate
    True
    """

    spec: ModelSpec
    weights: str | None = None
    runtime: RuntimeSpec = field(default_factory=RuntimeSpec)
    threads: Number | None = None

    @classmethod
    def parse(cls, text: str, *, runtime: RuntimeSpec = EAGER) -> Self:
        """Read the text form: a network or its weights, and a runtime after the last ``@``.

        Args:
            runtime: of a text that names none.

        Raises:
            UsageError: the runtime's text is malformed.
            SpecError: the network's text is malformed, or its file cannot be read.

        >>> str(Candidate.parse("segfast,init=he@eager"))
        'segfast,init=he'
        >>> str(Candidate.parse("segfast-streets@openvino").spec)
        'segfast,classes=8'
        """
        model, named = split_runtime(text)
        if names_weights(model.strip()) or is_graph_file(model.strip()):
            return cls.of_weights(text, runtime=runtime)
        return cls(ModelSpec.parse(model)).with_runtime(named, runtime)

    @classmethod
    def of_weights(cls, text: str, *, runtime: RuntimeSpec = EAGER) -> Self:
        """Read the text of weights, and a runtime after the last ``@``; any path is one.

        Raises:
            UsageError: the runtime's text is malformed.
            SpecError: there are no such weights, or they do not say which network they are of.

        >>> Candidate.of_weights("segfast-streets@openvino:bf16").runtime.precision
        'bf16'
        """
        model, named = split_runtime(text)
        weights = model.strip()
        if is_graph_file(weights):
            reads = RuntimeSpec(GRAPH_RUNTIMES[Path(weights).suffix])
            other = reads if runtime.name in {EAGER.name, UNSAID.name} else runtime
            return cls(GRAPH, weights).with_runtime(named, other)
        return cls(read_model_of(weights), weights).with_runtime(named, runtime)

    def with_runtime(self, named: str | None, other: RuntimeSpec) -> Self:
        """Return the same in the runtime of a text, with its threads; in the other if None.

        Raises:
            UsageError: the text is malformed.
        """
        if named is None:
            return replace(self, runtime=other)
        found = RuntimeSpec.parse(named)
        options = dict(found.options)
        threads = options.pop("threads", None)
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise UsageError(
                f"cannot read runtime {named!r}: threads must be a positive whole number, "
                f"got {write_value(threads)}"
            )
        return replace(self, runtime=replace(found, options=options), threads=threads)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Rebuild it from its JSON object."""
        return cls(
            spec=ModelSpec.from_json(fields["spec"]),
            weights=fields["weights"],
            runtime=RuntimeSpec.from_json(fields["runtime"]),
            threads=fields["threads"],
        )

    @property
    def is_graph(self) -> bool:
        """Whether it is a graph file, and no network that can be built."""
        return self.spec == GRAPH

    @property
    def label(self) -> str:
        """The text form without the class count, which belongs to the workload."""
        options = {name: value for name, value in self.spec.options.items() if name != "classes"}
        return str(replace(self, spec=ModelSpec(self.spec.name, options)))

    def __str__(self) -> str:
        model = str(self.spec) if self.weights is None else self.weights
        usual = EAGER
        if self.is_graph and self.weights is not None:
            usual = RuntimeSpec(GRAPH_RUNTIMES.get(Path(self.weights).suffix, EAGER.name))
        if self.runtime == usual and self.threads is None:
            return model
        threads = "" if self.threads is None else f",threads={self.threads}"
        return f"{model}@{self.runtime}{threads}"
