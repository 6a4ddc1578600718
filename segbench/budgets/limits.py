"""One limit of a budget: a metric, and the most that it may be, read from text.

The grammar, with spaces where one likes::

    METRIC <= NUMBER [UNIT] [+ P %]
    METRIC <= NUMBER * MODEL [+ P %]      also: baseline or reference for MODEL, x for *

MODEL is written as on the command line, and may name its runtime: ``segfast@eager,head=argmax``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

from segbench.errors import UsageError
from segbench.results.candidate import RuntimeSpec, is_graph_file, split_runtime
from segbench.results.check import Kind
from segbench.results.metrics import Metric, Unit, find_metric
from zoo.errors import ZooError, did_you_mean
from zoo.spec import ModelSpec
from zoo.weights import names_weights

BASELINE = "baseline"
"""The same network, as a stored file or another revision has it."""
REFERENCE = "reference"
"""The reference workload, measured in the same run."""

# Decimals, so that 37.3 ms is the float nearest to 0.0373 s.
_UNITS: dict[Unit, dict[str, Decimal]] = {
    "s": {"s": Decimal(1), "ms": Decimal("1e-3"), "us": Decimal("1e-6"), "ns": Decimal("1e-9")},
    "bytes": {
        "B": Decimal(1),
        "KiB": Decimal(1 << 10),
        "MiB": Decimal(1 << 20),
        "GiB": Decimal(1 << 30),
        "kB": Decimal("1e3"),
        "MB": Decimal("1e6"),
        "GB": Decimal("1e9"),
    },
    "count": {
        "k": Decimal("1e3"),
        "M": Decimal("1e6"),
        "G": Decimal("1e9"),
        "T": Decimal("1e12"),
    },
}
_QUANTITY: dict[Unit, str] = {"s": "times", "bytes": "bytes", "count": "counts"}
_EXAMPLE: dict[Unit, str] = {"s": "ms", "bytes": "MiB", "count": "M"}
_BASE: dict[Unit, str] = {"s": " s", "bytes": " B", "count": ""}

_DIGITS = "[0-9]+(?:_[0-9]+)*"
_NUMBER = rf"(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?[0-9]{{1,3}})?"
_LEADING_NUMBER = re.compile(rf"({_NUMBER})\s*")
_COMPARISON = re.compile(r"([^<>=!≤≥]*)([<>=!≤≥]+)")
# The sign of an exponent (1e+5) begins no tolerance.
_TOLERANCE = re.compile(rf"(?<![0-9.][eE])\+\s*({_NUMBER})\s*(%?)$")
# A model's name may begin with an x, so that a space follows the one that means "times".
_TIMES = re.compile(r"(?:\*|x(?=\s|$))\s*")


@dataclass(frozen=True)
class Limit:
    """The most that a metric of a network may be.

    Two limits are equal where they demand the same, however they are written.

    Attributes:
        text: as it was written.
        factor: the number: in seconds, bytes or as a count, or how many times the figure of ``to``.
        to: a candidate's text, `BASELINE` or `REFERENCE`; None where ``factor`` is the figure
            itself.
        tolerance: what may be added, as a share: 0.05 for ``+ 5 %``.
    """

    text: str = field(compare=False)
    metric: Metric
    factor: float
    to: str | None = None
    tolerance: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        Whether there is such a model is not asked, and a model's JSON file is not read.

        Raises:
            UsageError: the text is malformed; or the metric is unknown, its unit not one of the
                metric's, or its number out of range.

        >>> limit = Limit.parse("latency.forward.p50_s <= 40 ms + 5 %")
        >>> limit.factor, limit.tolerance, limit.bound, limit.kind
        (0.04, 0.05, 0.042, 'absolute')
        >>> Limit.parse("latency.forward.p50_s <= 0.6 * segfast@eager + 3 %").to
        'segfast@eager'
        """
        text = text.strip()
        try:
            metric, factor, to, tolerance = _read(text)
        except (UsageError, ZooError) as error:
            raise UsageError(f"cannot read limit {text!r}: {error}") from error
        return cls(text, metric, factor, to, tolerance)

    @property
    def bound(self) -> float:
        """The factor with its tolerance: in the metric's unit, or as a multiple of ``to``.

        >>> Limit.parse("params <= 100 + 15 %").bound  # in floats, 100 * 1.15 is less than 115
        115.0
        """
        return float(Decimal(repr(self.factor)) * (1 + Decimal(repr(self.tolerance))))

    @property
    def kind(self) -> Kind:
        """What is judged: a figure without noise, a ratio of times, or a time.

        A multiple of the reference workload is a time, in a unit that holds on other machines.
        """
        if self.metric.phase is None:
            return "exact"
        return "absolute" if self.to in {None, REFERENCE} else "relative"

    def __str__(self) -> str:
        unit = _BASE[self.metric.unit] if self.to is None else f" * {self.to}"
        percent = Decimal(repr(self.tolerance)).scaleb(2)
        tolerance = f" + {percent:f} %" if self.tolerance else ""
        return f"{self.metric.name} <= {_write(self.factor)}{unit}{tolerance}"


def _read(text: str) -> tuple[Metric, float, str | None, float]:
    metric, amount = _read_comparison(text)
    amount, tolerance = _read_tolerance(amount)
    factor, to = _read_amount(amount, metric)
    if not math.isfinite(factor * (1 + tolerance)):
        raise UsageError("its number is too large")
    return metric, factor, to, tolerance


def _read_comparison(text: str) -> tuple[Metric, str]:
    """Split a limit into its metric and what follows ``<=``."""
    if not text.replace("\t", " ").isprintable():
        raise UsageError("it holds line breaks or characters that do not print; write one line")
    found = _COMPARISON.match(text)
    if found is None:
        raise UsageError("it has no '<='; write it as in 'params <= 603_288'")
    if found[2] != "<=":
        raise UsageError(
            f"{found[2]!r} is not known here; less of every metric is better, so write '<='"
        )
    return find_metric(found[1].strip()), text[found.end() :].strip()


def _read_tolerance(text: str) -> tuple[str, float]:
    """Split ``+ P %`` off the end."""
    found = _TOLERANCE.search(text)
    if found is None:
        return text, 0.0
    if not found[2]:
        raise UsageError(f"a tolerance is in percent; write '+ {found[1]} %'")
    return text[: found.start()].strip(), float(_decimal(found[1]).scaleb(-2))


def _read_amount(text: str, metric: Metric) -> tuple[float, str | None]:
    """Return the factor, and what it is a multiple of."""
    found = _LEADING_NUMBER.match(text)
    if found is None:
        raise UsageError(
            f"{text!r} does not begin with a number of 0 or more; write as in "
            f"'<= 40 {_EXAMPLE[metric.unit]}' or '<= 0.25 * segnet'"
        )
    number, rest = _decimal(found[1]), text[found.end() :]
    times = _TIMES.match(rest)
    if times is not None:
        return _positive(number), _read_multiple_of(rest[times.end() :], metric)
    return float(number * _scale(rest, metric, number=found[1])), None


def _read_multiple_of(text: str, metric: Metric) -> str:
    if not text:
        raise UsageError("a multiple of nothing; name a model, 'baseline' or 'reference'")
    if text == REFERENCE and metric.phase is None:
        raise UsageError(
            f"the reference workload has a latency and no {metric.name!r}; "
            "give a number, or a multiple of a model or of 'baseline'"
        )
    if text not in {BASELINE, REFERENCE}:
        model, runtime = split_runtime(text)
        if runtime is not None:
            RuntimeSpec.parse(runtime)
        is_json = model.partition(",")[0].rstrip().endswith(".json")
        if not (is_json or names_weights(model) or is_graph_file(model)):
            ModelSpec.parse(model)
    return text


def _scale(unit: str, metric: Metric, *, number: str) -> Decimal:
    """Return the seconds, bytes or counts in one of a unit."""
    known = _UNITS[metric.unit]
    if unit in known:
        return known[unit]
    names = ", ".join(["none", *known] if metric.unit == "count" else known)
    choices = f"units of {metric.name!r}: {names}"
    if not unit:
        if metric.unit == "count" or _decimal(number) == 0:
            return Decimal(1)
        example = f"40 {_EXAMPLE[metric.unit]}"
        raise UsageError(f"{number} has no unit; write one, as in {example!r} ({choices})")
    for quantity, others in _UNITS.items():
        if unit in others:
            raise UsageError(f"{unit!r} is a unit of {_QUANTITY[quantity]} ({choices})")
    raise UsageError(
        f"unknown unit {unit!r}{did_you_mean(unit, known)} ({choices}; "
        "a multiple is written '0.25 * MODEL')"
    )


def _positive(number: Decimal) -> float:
    if float(number) == 0:
        raise UsageError("0 times a figure is 0; give a multiple above 0")
    return float(number)


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace("_", ""))


def _write(number: float) -> str:
    """Write a number that reads back as the same, a whole one without its fraction."""
    text = repr(float(number))
    return text.removesuffix(".0")
