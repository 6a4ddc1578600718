"""A queue file: the trainings of a queue as TOML, every error of which names its line.

For example::

    [defaults]                  # may be left out; for every run
    dataset = "camvid"
    recipe = "modern"
    size = "224x224"

    [[run]]
    model = "segfast"           # as on the command line, like all the others

    [[run]]
    model = "segnet"
    recipe = "modern+lr=1e-3"
    epochs = 33
    seeds = [0, 1]              # a run each
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from segbench.errors import UsageError
from segbench.results.candidate import DTYPES, read_precision, without_runtime
from segbench.toml_files import TomlFile, errors_at
from segbench.training.config import Job
from segbench.training.recipes import distilling, find_recipe
from segbench.units import parse_image_size
from zoo.allowed import allow_named
from zoo.registry import check_name
from zoo.spec import ModelSpec

# What each key of a run has to be; they mean what the options of `segbench train` mean.
KINDS: Mapping[str, Any] = {
    "model": str,
    "name": str,
    "dataset": str,
    "data-root": str,
    "size": str,
    "protocol": str,
    "recipe": str,
    "from": str,
    "distill": list[str],
    "epochs": int,
    "batch": int,
    "seed": int,
    "seeds": list[int],
    "device": str,
    "precision": str,
}
OF_A_RUN = ("model", "name")  # what no defaults are for
SEEDS = ("seed", "seeds")
_FILE_KEYS = ("defaults", "run")
_EXAMPLE = "write [[run]] with model = 'segfast'"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_=+.,-]{0,119}", re.ASCII)
Fields: TypeAlias = dict[str, Any]
_ODD = re.compile(r"[^A-Za-z0-9_=+.,-]+", re.ASCII)


@dataclass(frozen=True)
class QueuedRun:
    """A training of a queue.

    Attributes:
        name: of its folder.
        place: ``file:line`` of its entry.
    """

    name: str
    job: Job
    place: str


def read_queue_file(path: Path, *, data_root: Path | None = None) -> tuple[QueuedRun, ...]:
    r"""Read a queue file.

    What it names may be imported: it is the user's own, like a Makefile.

    Args:
        data_root: for runs that name none.

    Raises:
        UsageError: the file cannot be read, or something in it is malformed, unknown or repeated.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "queue.toml")
    ...     _ = path.write_text('[[run]]\nmodel = "segfast"\nseeds = [0, 1]\n')
    ...     runs = read_queue_file(path)
    >>> [run.name for run in runs]
    ['segfast-streets-224x224-paper-0', 'segfast-streets-224x224-paper-1']
    """
    runs = tuple(_Reader(path, data_root).runs())
    _refuse_repeats(runs)
    return runs


class _Reader:
    """Reads the entries of one file."""

    def __init__(self, path: Path, data_root: Path | None) -> None:
        self._file = TomlFile(path, what="queue file")
        self._data_root = data_root
        self._shared = self._defaults()

    def runs(self) -> Iterator[QueuedRun]:
        """Yield the runs in their order."""
        self._file.check_keys(self._file.fields, _FILE_KEYS, (), "at the top of the file")
        tables = self._file.tables("run")
        if not tables:
            raise UsageError(f"{self._file.path}: there is no run in it; {_EXAMPLE}")
        for number, table in enumerate(tables):
            yield from self._entry(table, number)

    def _defaults(self) -> Fields:
        found = self._file.fields.get("defaults", {})
        if not isinstance(found, dict):
            raise self._file.error(
                ("defaults",), "'defaults' is no table; write [defaults] in brackets"
            )
        keys = [key for key in KINDS if key not in OF_A_RUN]
        self._file.check_keys(found, keys, ("defaults",), "in [defaults]")
        return self._fields(found, "defaults")

    def _entry(self, table: dict[str, Any], number: int) -> Iterator[QueuedRun]:
        self._file.check_keys(table, KINDS, ("run", number), "in [[run]]")
        own = self._fields(table, "run", number)
        given = {**self._shared, **own}
        if set(SEEDS) & set(own):  # those of the defaults are another way to say it
            given = {key: given[key] for key in given if key not in SEEDS or key in own}
        if "model" not in given:
            raise self._file.error(
                ("run", number), "this [[run]] has no model; write model = 'segfast'"
            )

        def at(key: str) -> str:
            place = ("run", number, key) if key in own else ("defaults", key)
            return self._file.place(*(place if key in given else ("run", number)))

        with errors_at(at("model")):
            spec = _read_model(given["model"])
        with errors_at(at("recipe")):
            find_recipe(given.get("recipe", "paper"))
        with errors_at(at("size")):
            size = parse_image_size(given.get("size", "224x224"))
        with errors_at(at("precision")):
            precision = DTYPES[read_precision(given.get("precision", "fp32"))]
        with errors_at(at("seeds")):
            seeds = _seeds(given)
        place = self._file.place("run", number)
        for seed in seeds:
            with errors_at(place):
                job = self._job(given, spec, size, precision, seed)
            with errors_at(at("name")):
                name = _name(given, job)
            yield QueuedRun(name, job, place)

    def _job(
        self, given: Fields, spec: ModelSpec, size: tuple[int, int], precision: str, seed: int
    ) -> Job:
        root = given.get("data-root", str(self._data_root) if self._data_root else None)
        dataset = given.get("dataset", "streets")
        allow_named(dataset)
        recipe, teachers = given.get("recipe", "paper"), tuple(given.get("distill", ()))
        return Job(
            model=str(spec),  # of which a run knows more than the name of a file that may go
            dataset=dataset,
            data_root=root,
            size=size,
            protocol=cast("Any", given.get("protocol", "strict")),
            recipe=distilling(recipe) if teachers else recipe,
            epochs=given.get("epochs"),
            batch=given.get("batch"),
            seed=seed,
            device=cast("Any", given.get("device", "cpu")),
            precision=cast("Any", precision),
            start=given.get("from"),
            teachers=teachers,
        )

    def _fields(self, table: Fields, *place: str | int) -> Fields:
        """Return the values of a table, once they are of the right types."""
        from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - only readers wait

        for key, value in table.items():
            try:
                TypeAdapter(KINDS[key]).validate_python(value, strict=True)
            except ValidationError as error:
                says = error.errors(include_url=False)[0]["msg"]
                raise self._file.error(
                    (*place, key), f"{key}: {says[:1].lower()}{says[1:]}, got {value!r}"
                ) from error
        return table


def _read_model(text: str) -> ModelSpec:
    """Return the network that a text names; a JSON file is read."""
    allow_named(text)
    model = without_runtime(text, what="train", why="training runs in eager PyTorch")
    spec = ModelSpec.parse(model)
    check_name(spec.name)
    return spec


def _seeds(given: Fields) -> list[int]:
    if all(key in given for key in SEEDS):
        raise UsageError("seed and seeds are both given; leave one of them out")
    found: list[int] = given.get("seeds", [given.get("seed", 0)])
    if not found or len(set(found)) < len(found):
        raise UsageError(f"seeds must be different numbers, such as [0, 1], got {found}")
    return found


def _name(given: Fields, job: Job) -> str:
    """Return the name of a run's folder, which follows from its entry alone."""
    named = given["name"] if "name" in given else _describe(given["model"], job)
    if not _NAME.fullmatch(named):
        raise UsageError(
            f"a run cannot be kept in a folder {named!r}; give it a name of letters, digits and "
            "-, _, = and ., 120 at most"
        )
    return f"{named}-{job.seed}"


def _describe(model: str, job: Job) -> str:
    """Return what is trained and how, as far as most runs of a queue differ in it.

    >>> job = Job(model="segfast", dataset="streets", recipe="modern+lr=1e-3", epochs=33)
    >>> _describe("studies/lean.json,init=he", job)
    'lean,init=he-streets-224x224-modern+lr=1e-3-33'
    """
    name, comma, options = model.partition(",")
    short = Path(name).stem if name.endswith(".json") else name
    height, width = job.size
    parts = [f"{short}{comma}{options}", Path(job.dataset).name, f"{height}x{width}", job.recipe]
    if job.epochs is not None:
        parts.append(str(job.epochs))
    if job.start is not None:
        parts.append(f"from-{Path(job.start).stem}")
    return "-".join(_ODD.sub(".", part) for part in parts)


def _refuse_repeats(runs: tuple[QueuedRun, ...]) -> None:
    """Refuse what would be trained twice, or be kept in the same folder."""
    by_job: dict[Job, QueuedRun] = {}
    by_name: dict[str, QueuedRun] = {}
    for run in runs:
        with errors_at(run.place):
            same = by_job.setdefault(run.job, run)
            if same is not run:
                raise UsageError(
                    f"the run of {run.job.model!r} with seed {run.job.seed} stands in line "
                    f"{_line(same)} already; leave one of them out"
                )
            other = by_name.setdefault(run.name, run)
            if other is not run:
                raise UsageError(
                    f"this run and that of line {_line(other)} would both be kept in {run.name!r}; "
                    "give one of them a name"
                )


def _line(run: QueuedRun) -> str:
    return run.place.rpartition(":")[2]
