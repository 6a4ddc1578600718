"""Results as JSON files, and the atomic writing of any file.

The format's history (``schema`` in each file):

- ``segbench/profile/1`` and ``segbench/comparison/1``: the first.
- ``segbench/check/1``: what a check of budgets found; ``segbench/baseline/1``: figures to hold
  later runs against. A profile got ``saved_activations_bytes``.
- ``segbench/data/1``: what a check of a dataset found; ``segbench/evaluation/1``: how well a
  trained network does on a split; ``segbench/reproduction/1``: several beside the paper's figures.
- ``segbench/search/1``: what a search found; ``segbench/retraining/1``: what its front came to.

What a file of each looks like is published as a JSON schema: :mod:`segbench.schemas`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segbench.budgets.baseline import BASELINE_SCHEMA, Baseline
from segbench.budgets.verdicts import CHECK_SCHEMA, Check
from segbench.data.findings import DATA_SCHEMA, DataFindings
from segbench.errors import UsageError, said_by
from segbench.evaluations import EVALUATION_SCHEMA, Evaluation
from segbench.reproductions import REPRODUCTION_SCHEMA, Reproduction
from segbench.results import COMPARISON_SCHEMA, PROFILE_SCHEMA, Comparison, Profile
from segbench.retrainings import RETRAINING_SCHEMA, Retraining
from segbench.searches import SEARCH_SCHEMA, Searched

Result = (
    Profile
    | Comparison
    | Check
    | Baseline
    | DataFindings
    | Evaluation
    | Reproduction
    | Searched
    | Retraining
)
RESULTS: dict[str, type[Result]] = {
    PROFILE_SCHEMA: Profile,
    COMPARISON_SCHEMA: Comparison,
    CHECK_SCHEMA: Check,
    BASELINE_SCHEMA: Baseline,
    DATA_SCHEMA: DataFindings,
    EVALUATION_SCHEMA: Evaluation,
    REPRODUCTION_SCHEMA: Reproduction,
    SEARCH_SCHEMA: Searched,
    RETRAINING_SCHEMA: Retraining,
}
"""The type of the result for each schema."""


def to_json(result: Result) -> str:
    """Write a result as JSON, with a line break at its end; the schema comes first."""
    fields = dataclasses.asdict(result)
    ordered = {"schema": fields.pop("schema"), **fields}
    return json.dumps(ordered, indent=1, allow_nan=False) + "\n"


def from_json(text: str, *, source: str) -> Result:
    """Read a result back from its JSON.

    Args:
        source: what to call the text in an error.

    Raises:
        UsageError: the text is no result, or of a schema that this version does not know.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - only readers wait for it

    try:
        fields = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{source} is not JSON, or was cut off: {error}") from error
    schema = fields.get("schema") if isinstance(fields, dict) else None
    if not isinstance(schema, str) or schema not in RESULTS:
        raise UsageError(
            f"{source} is no result that this version reads: its schema is {schema!r} "
            f"(schemas: {', '.join(RESULTS)})"
        )
    adapter: TypeAdapter[Any] = TypeAdapter(RESULTS[schema])
    try:
        result: Result = adapter.validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"{source} is damaged at {where}: {first['msg'].lower()} "
            f"({error.error_count()} such places)"
        ) from error
    return result


def load(path: str | Path) -> Result:
    """Read a saved result.

    Raises:
        UsageError: the file cannot be read, or is no result.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"cannot read result {str(path)!r}: {reason.lower()}") from error
    return from_json(text, source=f"result {str(path)!r}")


def save(result: Result, path: str | Path, *, force: bool = False) -> None:
    """Write a result as JSON, whole or not at all.

    Raises:
        UsageError: the file exists and ``force`` is not given, or it cannot be written.
    """
    write_text(Path(path), to_json(result), force=force)


def check_writable(path: Path, *, force: bool) -> None:
    """Refuse a target before hours of work go into what could not be written.

    Raises:
        UsageError: the file exists and ``force`` is not given, or its folder cannot be written to.
    """
    if path.is_dir():
        raise UsageError(f"cannot write {str(path)!r}: it is a folder; name a file in it")
    if path.exists() and not force:
        raise UsageError(f"{str(path)!r} exists already; choose another name or add --force")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {str(path)!r}: folder {str(path.parent)!r} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"cannot write {str(path)!r}: no permission in {str(path.parent)!r}")


def write_text(path: Path, text: str, *, force: bool) -> None:
    """Write a text file as UTF-8, as :func:`write_bytes` does.

    Raises:
        UsageError: the file exists and ``force`` is not given, or it cannot be written.
    """
    write_bytes(path, text.encode(), force=force)


def write_bytes(path: Path, content: bytes, *, force: bool) -> None:
    """Write a file so that it is either there as a whole or as it was before.

    Raises:
        UsageError: the file exists and ``force`` is not given, or it cannot be written.
    """
    with whole_file(path, force=force) as partial:
        partial.write_bytes(content)


@contextlib.contextmanager
def whole_file(path: Path, *, force: bool) -> Iterator[Path]:
    """Give a file beside the target to write into, which takes its place at the end.

    Where anything is raised meanwhile, the target stays as it was.

    Raises:
        UsageError: the file exists and ``force`` is not given, or it cannot be written.
    """
    check_writable(path, force=force)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _unwritable(path, error) from error
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)  # mkstemp makes files that nobody else may read
        partial.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write {str(path)!r}: {said_by(error)}")
