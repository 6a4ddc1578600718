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

from dataclasses import dataclass
from pathlib import Path

from segbench.budgets.budget import (
    EXAMPLE_LIMIT,
    Budget,
    PlacedLimit,
    read_limit,
    read_model,
    refuse_repeats,
)
from segbench.budgets.workload_keys import (
    WORKLOAD_KEYS,
    WorkloadValue,
    read_text,
    read_workload_value,
)
from segbench.errors import UsageError
from segbench.results.candidate import Candidate
from segbench.toml_files import TomlFile
from segbench.toml_lines import Place
from zoo.frozen import FrozenMapping

_FILE_KEYS = ("baseline", "workload", "budget")
_BUDGET_KEYS = ("model", "workload", "limits")
_A_LIST = f"limits = ['{EXAMPLE_LIMIT}']"


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
    return _Reader(Path(path)).file()


class _Reader:
    """Reads the tables of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = TomlFile(path, what="budget file")

    def file(self) -> BudgetFile:
        self._file.check_keys(self._file.fields, _FILE_KEYS, (), "at the top of the file")
        shared = self._workload(self._file.fields, ())
        budgets = tuple(
            self._budget(table, ("budget", number), shared)
            for number, table in enumerate(self._tables())
        )
        refuse_repeats(budgets)
        return BudgetFile(self._path, budgets, self._baseline())

    def _baseline(self) -> Path | None:
        if "baseline" not in self._file.fields:
            return None
        with self._file.errors_at("baseline"):
            name = read_text("baseline", self._file.fields["baseline"], example="baseline.json")
        return self._path.parent / name

    def _tables(self) -> list[dict[str, object]]:
        found = self._file.tables("budget")
        if not found:
            raise UsageError(
                f"{self._path}: there is no budget in it; write [[budget]] with "
                f"model = 'segfast' and {_A_LIST}"
            )
        return found

    def _budget(
        self, table: dict[str, object], place: Place, shared: FrozenMapping[WorkloadValue]
    ) -> Budget:
        self._file.check_keys(table, _BUDGET_KEYS, place, "in [[budget]]")
        if "model" not in table:
            raise self._file.error(place, "this [[budget]] has no model; write model = 'segfast'")
        with self._file.errors_at(*place, "model"):
            model = read_text("model", table["model"], example="segfast")
            candidate = read_model(model)
        if "limits" not in table:
            raise self._file.error(place, f"the budget of {model!r} has no limits; write {_A_LIST}")
        limits = self._limits(table["limits"], (*place, "limits"), model, candidate)
        workload = FrozenMapping({**shared, **self._workload(table, place)})
        return Budget(model, limits, workload, self._file.place(*place))

    def _limits(
        self, found: object, place: Place, model: str, candidate: Candidate
    ) -> tuple[PlacedLimit, ...]:
        if not isinstance(found, list):
            raise self._file.error(place, f"limits must be a list, got {found!r}; write {_A_LIST}")
        if not found:
            raise self._file.error(place, f"the budget of {model!r} has no limits; write {_A_LIST}")
        limits = []
        for number, text in enumerate(found):
            with self._file.errors_at(*place, number):
                limit = read_limit(read_text("a limit", text, example=EXAMPLE_LIMIT), candidate)
            limits.append(PlacedLimit(limit, self._file.place(*place, number)))
        return tuple(limits)

    def _workload(self, holder: dict[str, object], place: Place) -> FrozenMapping[WorkloadValue]:
        place = (*place, "workload")
        found = holder.get("workload", {})
        if not isinstance(found, dict):
            raise self._file.error(
                place, f"workload must be a table, such as {{ size = '360x480' }}, got {found!r}"
            )
        self._file.check_keys(found, WORKLOAD_KEYS, place, "in workload")
        values = {}
        for key, value in found.items():
            with self._file.errors_at(*place, key):
                values[key] = read_workload_value(key, value, folder=self._path.parent)
        return FrozenMapping(values)
