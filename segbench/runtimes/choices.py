"""Choices of runtimes, precisions and heads, from what a command or a budget names."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from segbench.errors import NotInstalledError, UsageError
from segbench.results.candidate import HEADS, RuntimeSpec, read_precision
from segbench.runtimes import (
    RUNTIMES,
    check_runtime,
    find_runtime,
    missing_packages,
    precisions_here,
)

ALL = "all"


def choose_runtimes(
    runtime: str, precision: str = "fp32", head: str = HEADS[0], *, absent: bool = False
) -> list[RuntimeSpec]:
    """Return the runtimes that texts name, each in every precision and with every head.

    Args:
        runtime: one, several with commas between, each with its options, or ``all`` that are
            installed.
        precision: of those that name none: one, several, or ``all`` that each runtime has.
        head: of those that name none: one, several, or ``all``.
        absent: whether runtimes that are not installed are among them.

    Raises:
        UsageError: a name is unknown, or a runtime that is named lacks a precision that is named.
        NotInstalledError: a runtime that is named is not installed, where none may be absent.

    >>> [str(spec) for spec in choose_runtimes("eager", "fp32,bf16")]
    ['eager', 'eager:bf16']
    >>> [str(spec) for spec in choose_runtimes("eager,layout=nhwc,eager")]
    ['eager,layout=nhwc', 'eager']
    """
    found: list[RuntimeSpec] = []
    for spec, is_said in _named(runtime, absent=absent):
        precisions = [spec.precision] if is_said else _precisions(spec, precision, runtime)
        for chosen in _with_each(spec, precisions, head):
            with contextlib.suppress(*([NotInstalledError] if absent else [])):
                check_runtime(chosen)
            if chosen not in found:
                found.append(chosen)
    return found


def fill(spec: RuntimeSpec, named: str, precision: str, head: str) -> list[RuntimeSpec]:
    """Return the runtime of a candidate in every precision and with every head it does not name.

    Args:
        named: the text of the runtime in the candidate's.
        precision: one, several, or ``all`` that the runtime has; `head` likewise.

    >>> spec = RuntimeSpec("eager")
    >>> [str(each) for each in fill(spec, "eager", "fp32,bf16", "argmax")]
    ['eager,head=argmax', 'eager:bf16,head=argmax']
    >>> said = "eager:fp32,head=logits"
    >>> [str(each) for each in fill(RuntimeSpec.parse(said), said, "bf16", "argmax")]
    ['eager,head=logits']
    """
    says_precision = ":" in named.partition(",")[0]
    precisions = [spec.precision] if says_precision else _precisions(spec, precision, spec.name)
    return _with_each(spec, precisions, head)


def _with_each(spec: RuntimeSpec, precisions: Sequence[str], head: str) -> list[RuntimeSpec]:
    """Return a runtime in each precision, and with each head where it names none."""
    found = []
    for precision in precisions:
        for form in [spec.head] if "head" in spec.options else _split(head):
            options = dict(spec.options)
            if form != HEADS[0]:
                options["head"] = form
            found.append(replace(spec, precision=precision, options=options))
    return found


def _named(text: str, *, absent: bool) -> list[tuple[RuntimeSpec, bool]]:
    """Return runtimes, and whether each names its precision."""
    if text.strip() == ALL:
        found = [name for name, row in RUNTIMES.items() if absent or not missing_packages(row)]
        return [(RuntimeSpec(name), False) for name in found]
    pieces: list[str] = []
    for piece in text.split(","):
        # An option belongs to the runtime before it.
        if "=" in piece and pieces:
            pieces[-1] += f",{piece}"
        else:
            pieces.append(piece)
    return [(RuntimeSpec.parse(piece), ":" in piece.partition(",")[0]) for piece in pieces]


def _precisions(spec: RuntimeSpec, text: str, runtimes: str) -> Sequence[str]:
    row = find_runtime(spec.name)
    if text.strip() == ALL:
        return precisions_here(row)
    wanted = [read_precision(each) for each in _split(text)]
    if runtimes.strip() != ALL:
        return wanted
    return [each for each in wanted if each in row.precisions]


def _split(text: str) -> list[str]:
    if text.strip() == ALL:
        return list(HEADS)
    found = [piece.strip() for piece in text.split(",")]
    if not all(found):
        raise UsageError(f"{text!r} has an empty name between commas; write one name, or several")
    return found
