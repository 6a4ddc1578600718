"""Results as JSON files.

The format's history (``schema`` in each file):

- ``segbench/profile/1`` and ``segbench/comparison/1``: the first.
- ``segbench/check/1``: what a check of budgets found; ``segbench/baseline/1``: figures to hold
  later runs against. A profile got ``saved_activations_bytes``.
- ``segbench/data/1``: what a check of a dataset found; ``segbench/evaluation/1``: how well a
  trained network does on a split; ``segbench/reproduction/1``: several beside the paper's figures.
- ``segbench/search/1``: what a search found; ``segbench/retraining/1``: what its front came to.

What a file of each looks like is published as a JSON schema: :mod:`segbench.results.schemas`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from segbench.errors import UsageError
from segbench.files import fields_as, parse_fields, write_text
from segbench.results.baseline import BASELINE_SCHEMA, Baseline
from segbench.results.check import CHECK_SCHEMA, Check
from segbench.results.compression import COMPRESSION_SCHEMA, Compression
from segbench.results.dataset import DATA_SCHEMA, DataFindings
from segbench.results.evaluation import EVALUATION_SCHEMA, Evaluation
from segbench.results.profile import COMPARISON_SCHEMA, PROFILE_SCHEMA, Comparison, Profile
from segbench.results.reproduction import REPRODUCTION_SCHEMA, Reproduction
from segbench.results.retraining import RETRAINING_SCHEMA, Retraining
from segbench.results.search import SEARCH_SCHEMA, SearchResult
from zoo.files import FileError, read_text

Result = (
    Profile
    | Comparison
    | Check
    | Baseline
    | DataFindings
    | Evaluation
    | Reproduction
    | SearchResult
    | Retraining
    | Compression
)


@dataclass(frozen=True)
class Kind:
    """One kind of result.

    Attributes:
        type: what is read from its JSON.
        report: import string of the function that makes a report of it.
        frame: import string of the function that makes a data frame of it.
    """

    type: type[Result]
    report: str
    frame: str


def _kind(result: type[Result], report: str, frame: str) -> Kind:
    home = "segbench.results.report"
    return Kind(result, f"{home}.{report}", f"{home}.frame:{frame}")


KINDS: dict[str, Kind] = {
    PROFILE_SCHEMA: _kind(Profile, "contents:report_profile", "profile_frame"),
    COMPARISON_SCHEMA: _kind(Comparison, "comparing:report_comparison", "comparison_frame"),
    CHECK_SCHEMA: _kind(Check, "checking:report_check", "judgements_frame"),
    BASELINE_SCHEMA: _kind(Baseline, "baselines:report_baseline", "profiles_frame"),
    DATA_SCHEMA: _kind(DataFindings, "data:report_data", "classes_frame"),
    EVALUATION_SCHEMA: _kind(Evaluation, "evaluating:report_evaluation", "qualities_frame"),
    REPRODUCTION_SCHEMA: _kind(Reproduction, "reproducing:report_reproduction", "seeds_frame"),
    SEARCH_SCHEMA: _kind(SearchResult, "searching:report_search", "trials_frame"),
    RETRAINING_SCHEMA: _kind(Retraining, "retraining:report_retraining", "retrained_frame"),
    COMPRESSION_SCHEMA: _kind(Compression, "compressing:report_compression", "stages_frame"),
}
"""The one table of results, by schema."""


def to_json(result: Result) -> str:
    """Write a result as JSON, with a line break at its end; the schema comes first."""
    fields = dataclasses.asdict(result)
    ordered = {"schema": fields.pop("schema"), **fields}
    # Mappings that cannot change are objects of JSON like all others.
    return json.dumps(ordered, indent=1, allow_nan=False, default=dict) + "\n"


def from_json(text: str, *, source: str) -> Result:
    """Read a result back from its JSON.

    Args:
        source: what to call the text in an error.

    Raises:
        UsageError: the text is no result, or of a schema that this version does not know.
    """
    fields = parse_fields(text, source=source)
    schema = fields.get("schema") if isinstance(fields, dict) else None
    if not isinstance(schema, str) or schema not in KINDS:
        raise UsageError(
            f"{source} is no result that this version reads: its schema is {schema!r} "
            f"(schemas: {', '.join(KINDS)})"
        )
    return fields_as(fields, KINDS[schema].type, source=source)


def load(path: str | Path) -> Result:
    """Read a saved result.

    Raises:
        UsageError: the file cannot be read, or is no result.
    """
    try:
        text = read_text(path, what="result")
    except FileError as error:
        raise UsageError(str(error)) from error
    return from_json(text, source=f"result {str(path)!r}")


def save(result: Result, path: str | Path, *, force: bool = False) -> None:
    """Write a result as JSON, whole or not at all.

    Raises:
        UsageError: the file exists and ``force`` is not given, or it cannot be written.
    """
    write_text(Path(path), to_json(result), force=force)
