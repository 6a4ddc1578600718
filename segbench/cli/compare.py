"""``segbench compare``."""

from __future__ import annotations

import re
from sys import stderr
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segbench.cli import options
from segbench.cli.options import Models, with_workload
from segbench.errors import ExitCode, UsageError
from segbench.results.candidate import EAGER, Candidate, names_runtime
from zoo.registry import PAPER_TAG
from zoo.registry import models as zoo_models

if TYPE_CHECKING:
    from segbench.results.profile import Comparison

OLD_FORM = re.compile(r"\s*[-+.\d]|.*%")  # of --interval, which --precision was once


@with_workload
def compare(
    models: Models = None,
    every: Annotated[
        bool, typer.Option("--all", help="Compare the five networks of the SegFast paper.")
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option(
            help="Give ratios over this network. [default: segfast, else the first]",
            metavar="NAME",
            callback=options.named,
            show_default=False,
        ),
    ] = None,
    *,
    workload: dict[str, Any],
    repeats: options.LeastRepeats = None,
    interval: options.IntervalOption = None,
    max_time: options.MaxTime = None,
    seed: options.Seed = 0,
    training: options.Training = True,
    strict: options.Strict = False,
    format: options.FormatOption = None,  # noqa: A002 - the option's name
    output: options.Output = None,
    force: options.Force = False,
    allow_import: options.AllowImport = None,
) -> int:
    """Measure networks in turns in one run, and give ratios beside those of the paper."""
    from segbench.cli.output import Target, measure
    from segbench.measurement import profile as profiling
    from segbench.results.profile import Comparison

    named = select_models(models or [], every=every)
    share = options.share(interval, "interval")
    if OLD_FORM.match(workload["precision"]):
        share = options.share(workload["precision"], "precision")
        print(f"segbench: --precision {workload['precision']} is read as --interval", file=stderr)
        workload = {**workload, "precision": EAGER.precision}
    max_time_s = options.duration(max_time, "max-time")
    finished = measure(
        Target(format, output, force=force, kind=Comparison),
        lambda progress: profiling.compare(
            named,
            baseline=baseline,
            **workload,
            repeats=repeats,
            interval=share,
            max_time_s=max_time_s,
            seed=seed,
            training=training,
            strict=strict,
            progress=progress,
        ),
    )
    if finished is None:
        return ExitCode.INTERRUPTED
    is_one_of_all = "all" in {workload["runtime"].strip(), workload["precision"].strip()}
    own = {Candidate.parse(name) for name in named if names_runtime(name)}
    return _exit_code(finished, named=own if is_one_of_all else None)


def _exit_code(found: Comparison, *, named: set[Candidate] | None) -> ExitCode:
    """Return 5 where a candidate that was named failed or is wrong, 2 where it is not possible.

    Args:
        named: those that were, where the others are of all; None if all were.
    """
    kinds = {each.kind for each in found.failures if each.is_named}
    wrong = any(
        each.parity and not each.parity.is_right
        for each in found.profiles
        if named is None or each.candidate in named
    )
    if kinds - {UsageError.__name__} or wrong:
        return ExitCode.FAILED
    return ExitCode.USAGE if kinds else ExitCode.OK


def select_models(named: list[str], *, every: bool) -> list[str]:
    """Return the models to compare.

    Raises:
        UsageError: none is named and ``--all`` is not given.

    >>> select_models(["segnet", "mypkg.nets:tiny"], every=False)
    ['segnet', 'mypkg.nets:tiny']
    """
    if every:
        paper = zoo_models(tag=PAPER_TAG)
        return [*paper, *(name for name in named if name not in paper)]
    if not named:
        raise UsageError("no model was named; name some, or give --all for the paper's five")
    return named
