"""Inputs of ``segbench check``, from its options and a budget file."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.budgets.budget import Budget, make_budget, refuse_repeats
from segbench.budgets.budget_file import read_budget_file
from segbench.budgets.limits import BASELINE
from segbench.budgets.pairs import ModelLimit
from segbench.budgets.revisions import Trees, run_setup, trees
from segbench.errors import UsageError
from segbench.measurement.settings import Settings
from segbench.results.baseline import Baseline
from segbench.results.store import load
from segbench.toml_files import errors_at

if TYPE_CHECKING:
    from segbench.results.check import Check

DEFAULT_FILE = Path("budgets.toml")
# After a minute on a shared machine of 2 cores, the interval of a change that costs nothing was
# seen to reach from 0.973 to 1.02.
DEFAULT_LIMIT = "latency.forward.p50_s <= 1 * baseline + 3 %"


@dataclass(frozen=True)
class Asked:
    """The limits by workload, and what multiples of ``baseline`` are of.

    Attributes:
        budget: name of the budget file, None without one.
        baseline: path of the stored figures.
    """

    groups: tuple[tuple[Settings, tuple[ModelLimit, ...]], ...]
    budget: str | None
    baseline: Path | None


def ask(
    models: Sequence[str],
    limits: Sequence[str],
    *,
    budget: Path | None,
    baseline: Path | None,
    against: str | None,
    settings: Settings,
    normalised: bool,
) -> Asked:
    """Collect the limits of the command line and those of a budget file.

    Raises:
        UsageError: there are none, or they cannot be judged as they are.
    """
    if limits and not models:
        raise UsageError("a limit is given and no model; name the model that it is on")
    if baseline is not None and against is not None:
        raise UsageError("both --baseline and --against are given; choose one of them")
    if normalised and against is not None:
        raise UsageError(
            "--normalised is for figures of another run, and --against measures both in this one; "
            "leave one of them out"
        )
    budgets = [_budget_of(model, limits, against) for model in models]
    stored = baseline
    path = budget or (DEFAULT_FILE if not models and DEFAULT_FILE.exists() else None)
    if path is not None:
        file = read_budget_file(path)
        budgets += file.budgets
        stored = baseline or (None if against else file.baseline)
    if not budgets:
        raise UsageError(
            f"there is nothing to check; give --budget FILE, write a {DEFAULT_FILE}, or name "
            "models with --limit or --against"
        )
    refuse_repeats(budgets)
    needed = _needed_baseline(budgets, stored, against)
    _refuse_what_is_of_no_use(baseline, needed, normalised=normalised)
    return Asked(
        groups=_group(budgets, settings),
        budget=None if path is None else str(path),
        baseline=needed,
    )


def _budget_of(model: str, limits: Sequence[str], against: str | None) -> Budget:
    if not limits and against is None:
        raise UsageError(
            f"no limit is given for model {model!r}; add --limit "
            '"latency.forward.p50_s <= 40 ms", or --against a revision'
        )
    return make_budget(model, limits or [DEFAULT_LIMIT])


def _needed_baseline(
    budgets: Sequence[Budget], baseline: Path | None, against: str | None
) -> Path | None:
    """Return the file to read, if a limit needs it; refuse limits that have nothing to hold to."""
    placed = [each for budget in budgets for each in budget.limits if each.limit.to == BASELINE]
    if against is not None:
        if not placed:
            raise UsageError(
                "no limit is a multiple of baseline, so there is nothing to hold against "
                f"{against!r}; add one, or name models in place of the budget file"
            )
        return None
    if placed and baseline is None:
        where = f"{placed[0].place}: " if placed[0].place else ""
        raise UsageError(
            f"{where}limit {placed[0].limit.text!r} needs a baseline; add --baseline FILE, "
            "or --against a git revision"
        )
    return baseline if placed else None


def _refuse_what_is_of_no_use(
    baseline: Path | None, needed: Path | None, *, normalised: bool
) -> None:
    """Refuse what was asked for and would have no effect, for its author expects one."""
    if baseline is not None and needed is None:
        raise UsageError(
            f"no limit is a multiple of baseline, so there is nothing to hold against "
            f"{str(baseline)!r}; add one, or leave --baseline out"
        )
    if normalised and needed is None:
        raise UsageError(
            "--normalised is for limits that are multiples of baseline, and there are none; "
            "add one, or leave it out"
        )


def _group(
    budgets: Sequence[Budget], settings: Settings
) -> tuple[tuple[Settings, tuple[ModelLimit, ...]], ...]:
    groups: dict[Settings, list[ModelLimit]] = {}
    for budget in budgets:
        own: Mapping[str, Any] = budget.workload
        with errors_at(budget.place):
            combined = settings.with_values(**own)
            combined.task(budget.model)  # its class count and that of the workload may contradict
        wanted = groups.setdefault(combined, [])
        wanted += [ModelLimit(budget.model, placed.limit, placed.place) for placed in budget.limits]
    return tuple((key, tuple(wanted)) for key, wanted in groups.items())


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        UsageError: there is none, or it is damaged, or something else.
    """
    found = load(path)
    if not isinstance(found, Baseline):
        raise UsageError(
            f"{str(path)!r} holds no baseline but a {type(found).__name__.lower()}; "
            "make one with: segbench baseline save MODEL --output FILE"
        )
    return found


@contextlib.contextmanager
def revisions(against: str | None, *, setup: str | None) -> Iterator[Trees | None]:
    """Give the working tree and another revision in folders, set up; None if none is asked for."""
    if against is None:
        if setup is not None:
            raise UsageError("--setup is for the folders of --against; add it, or leave both out")
        yield None
        return
    with trees(against, repository=Path.cwd()) as found:
        if found.left_out:
            names = ", ".join(found.left_out)
            print(f"segbench: left out of both revisions: submodules {names}", file=sys.stderr)
        if setup is not None:
            for tree in (found.working, found.against):
                run_setup(setup, tree.folder)
        yield found


def publish_on_github(check: Check) -> None:
    """Write the step summary and annotations, where GitHub Actions runs.

    It reads both outputs of a step. Standard output may be the result as JSON for another program.
    """
    from segbench.results.report.github import publish

    for line in publish(check, os.environ):
        print(line, file=sys.stderr)
