"""A budget file: budgets as TOML, every error of which names its line.

For example::

    baseline = "baseline.json"       # may be left out
    [workload]                       # may be left out; for every budget
    threads = 2
    [[budget]]
    model = "segfast"                # as on the command line
    workload = { size = "360x480" }  # may be left out; over the file's
    limits = ["params <= 603_288", "latency.forward.p50_s <= 0.25 * segnet"]
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from segbench.budgets.budget import (
    EXAMPLE_LIMIT,
    Budget,
    PlacedLimit,
    errors_at,
    read_limit,
    read_model,
    refuse_repeats,
)
from segbench.budgets.toml_lines import Place, find_lines, nearest_line
from segbench.budgets.workload_keys import (
    WORKLOAD_KEYS,
    WorkloadValue,
    read_text,
    read_workload_value,
)
from segbench.errors import UsageError
from segbench.results.candidate import Candidate
from zoo import files
from zoo.errors import did_you_mean
from zoo.files import FileError
from zoo.frozen import FrozenMapping

MOST_BYTES = 16 << 20
_FILE_KEYS = ("baseline", "workload", "budget")
_BUDGET_KEYS = ("model", "workload", "limits")
_A_LIST = f"limits = ['{EXAMPLE_LIMIT}']"
_TOML_ERROR = re.compile(
    r"(?P<reason>.+) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)",
    re.DOTALL,
)


@dataclass(frozen=True)
class BudgetFile:
    """What a budget file says.

    Attributes:
        baseline: the file with the figures that multiples of ``baseline`` are of; whether it is
            there is not asked yet.
    """

    path: Path
    budgets: tuple[Budget, ...]
    baseline: Path | None = None


def read_budget_file(path: str | Path) -> BudgetFile:
    r"""Read a budget file.

    The paths of ``baseline`` and ``input`` begin in the file's folder; models are as on the
    command line, JSON files too.

    Raises:
        UsageError: the file cannot be read, or something in it is malformed or unknown.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "budgets.toml")
    ...     _ = path.write_text('[[budget]]\nmodel = "segfast"\nlimits = ["params <= 1 M"]\n')
    ...     [budget] = read_budget_file(path).budgets
    >>> str(budget.limits[0].limit), budget.limits[0].place.endswith("budgets.toml:3")
    ('params <= 1000000', True)
    """
    path = Path(path)
    return _Reader(path, _read_text(path)).file()


class _Reader:
    """Reads the tables of one file, and knows where each thing in it stands."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._fields, self._lines = _read_toml(path, text)

    def file(self) -> BudgetFile:
        self._check_keys(self._fields, _FILE_KEYS, (), "at the top of the file")
        shared = self._workload(self._fields, ())
        budgets = tuple(
            self._budget(table, ("budget", number), shared)
            for number, table in enumerate(self._tables(self._fields.get("budget", [])))
        )
        refuse_repeats(budgets)
        return BudgetFile(self._path, budgets, self._baseline())

    def _baseline(self) -> Path | None:
        if "baseline" not in self._fields:
            return None
        with self._errors_at("baseline"):
            name = read_text("baseline", self._fields["baseline"], example="baseline.json")
        return self._path.parent / name

    def _tables(self, found: object) -> list[dict[str, object]]:
        if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
            raise self._error(
                ("budget",), "'budget' is no list of tables; write [[budget]] in two brackets"
            )
        if not found:
            raise UsageError(
                f"{self._path}: there is no budget in it; write [[budget]] with "
                f"model = 'segfast' and {_A_LIST}"
            )
        return found

    def _budget(
        self, table: dict[str, object], place: Place, shared: FrozenMapping[WorkloadValue]
    ) -> Budget:
        self._check_keys(table, _BUDGET_KEYS, place, "in [[budget]]")
        if "model" not in table:
            raise self._error(place, "this [[budget]] has no model; write model = 'segfast'")
        with self._errors_at(*place, "model"):
            model = read_text("model", table["model"], example="segfast")
            candidate = read_model(model)
        if "limits" not in table:
            raise self._error(place, f"the budget of {model!r} has no limits; write {_A_LIST}")
        limits = self._limits(table["limits"], (*place, "limits"), model, candidate)
        workload = FrozenMapping({**shared, **self._workload(table, place)})
        return Budget(model, limits, workload, self._place(*place))

    def _limits(
        self, found: object, place: Place, model: str, candidate: Candidate
    ) -> tuple[PlacedLimit, ...]:
        if not isinstance(found, list):
            raise self._error(place, f"limits must be a list, got {found!r}; write {_A_LIST}")
        if not found:
            raise self._error(place, f"the budget of {model!r} has no limits; write {_A_LIST}")
        limits = []
        for number, text in enumerate(found):
            with self._errors_at(*place, number):
                limit = read_limit(read_text("a limit", text, example=EXAMPLE_LIMIT), candidate)
            limits.append(PlacedLimit(limit, self._place(*place, number)))
        return tuple(limits)

    def _workload(self, holder: dict[str, object], place: Place) -> FrozenMapping[WorkloadValue]:
        place = (*place, "workload")
        found = holder.get("workload", {})
        if not isinstance(found, dict):
            raise self._error(
                place, f"workload must be a table, such as {{ size = '360x480' }}, got {found!r}"
            )
        self._check_keys(found, WORKLOAD_KEYS, place, "in workload")
        values = {}
        for key, value in found.items():
            with self._errors_at(*place, key):
                values[key] = read_workload_value(key, value, folder=self._path.parent)
        return FrozenMapping(values)

    def _check_keys(
        self, table: dict[str, object], known: Collection[str], place: Place, where: str
    ) -> None:
        for key in table:
            if key not in known:
                raise self._error(
                    (*place, key),
                    f"unknown key {key!r} {where}{did_you_mean(key, known)} "
                    f"(keys: {', '.join(known)})",
                )

    def _place(self, *place: str | int) -> str:
        return f"{self._path}:{nearest_line(self._lines, place)}"

    def _errors_at(self, *place: str | int) -> AbstractContextManager[None]:
        return errors_at(self._place(*place))

    def _error(self, place: Place, text: str) -> UsageError:
        return UsageError(f"{self._place(*place)}: {text}")


def _read_text(path: Path) -> str:
    try:
        return files.read_text(path, what="budget file", most=MOST_BYTES)
    except FileError as error:
        raise UsageError(str(error)) from error


def _read_toml(path: Path, text: str) -> tuple[dict[str, object], dict[Place, int]]:
    try:
        return files.parse_toml(text), find_lines(text)
    except ValueError as error:
        raise UsageError(_say_once(path, text, str(error))) from error


def _say_once(path: Path, text: str, reason: str) -> str:
    """Return tomllib's message with the line that it names in front."""
    found = _TOML_ERROR.fullmatch(reason)
    if found is None:  # what is too long or too deep has no place
        return f"{path}: this is not TOML: {reason}"
    line = found["line"] or text.rstrip().count("\n") + 1
    column = f"column {found['column']}" if found["column"] else "end of the file"
    said = found["reason"]
    return f"{path}:{line}: this is not TOML: {said[0].lower()}{said[1:]} ({column})"
