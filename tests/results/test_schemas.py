"""The published schemas are those of the types, and what is written and read follows them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from made_up_results import (
    make_check,
    make_comparison,
    make_compression,
    make_evaluation,
    make_layers,
    make_profile,
    make_reproduction,
    make_retraining,
    make_search,
)

from segbench.errors import UsageError
from segbench.results import schemas
from segbench.results.dataset import DataFindings, SplitFindings
from segbench.results.profile import Latencies, Memory, Model
from segbench.results.schemas import (
    _read_docstring,
    _types,
    file_name,
    generate,
    json_schema,
    write_files,
)
from segbench.results.store import KINDS, from_json, to_json

MADE_UP = {
    "profile": make_profile(),
    "profile with layers": make_profile(layers=make_layers()),
    "profile with options": make_profile(model=Model("mine:net", {"widths": [8, 16], "x": 0.5})),
    "profile of exact figures": make_profile(latency=Latencies(), memory=Memory(None, None)),
    "comparison": make_comparison(),
    "check": make_check(),
    "data": DataFindings(
        dataset="rooms",
        layout="folders of images and labels, in rooms",
        splits=(SplitFindings("train", 2, {"4x4": 2}, {"floor": 8, "wall": 20}, 4),),
        problems=("train/images/d.png has no partner",),
    ),
    "evaluation": make_evaluation(),
    "reproduction": make_reproduction(),
    "search": make_search(),
    "retraining": make_retraining(),
    "compression": make_compression(),
    "interrupted check": make_check(verdict=None, judgements=(), noise=None, complete=False),
}


def complaints(fields):
    """Return where and why the fields break the schema that they name."""
    found = Draft202012Validator(json_schema(fields["schema"])).iter_errors(fields)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


@pytest.mark.parametrize("name", KINDS)
def test_a_published_schema_is_that_of_the_types(name):
    published = Path(schemas.__file__).with_name(file_name(name)).read_text()
    assert published == generate(name), "run: python docs/check.py --write"


@pytest.mark.parametrize("name", KINDS)
def test_a_published_schema_is_a_json_schema(name):
    Draft202012Validator.check_schema(json_schema(name))


@pytest.mark.parametrize("result", MADE_UP.values(), ids=MADE_UP)
def test_what_is_written_follows_the_published_schema(result):
    assert complaints(json.loads(to_json(result))) == []


def test_the_schemas_are_written_into_a_folder(tmp_path):
    write_files(tmp_path)
    kinds = (
        *("profile", "comparison", "check", "baseline"),
        *("data", "evaluation", "reproduction", "search", "retraining", "compression"),
    )
    assert {path.name for path in tmp_path.iterdir()} == {f"{kind}-1.json" for kind in kinds}
    assert json.loads((tmp_path / "check-1.json").read_text()) == json_schema("segbench/check/1")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"verdict": "maybe"}, "verdict: 'maybe' is not valid under any of the given schemas"),
        ({"judgements": None}, "judgements: None is not of type 'array'"),
        ({"complete": 1}, "complete: 1 is not of type 'boolean'"),
    ],
)
def test_a_check_that_the_reader_refuses_breaks_the_schema_too(changes, complaint):
    fields = json.loads(to_json(make_check())) | changes
    assert complaints(fields) == [complaint]
    with pytest.raises(UsageError):
        from_json(json.dumps(fields), source="it")


def test_an_interval_with_one_end_breaks_the_schema():
    fields = json.loads(to_json(make_check()))
    fields["judgements"][1]["interval"] = [0.24]
    assert complaints(fields) == [
        "judgements.1.interval: [0.24] is not valid under any of the given schemas"
    ]


def test_a_missing_field_that_was_always_there_breaks_the_schema():
    fields = json.loads(to_json(make_profile()))
    del fields["params"]
    assert complaints(fields) == [": 'params' is a required property"]


def test_files_without_what_was_added_later_follow_the_schema():
    fields = json.loads(to_json(make_profile()))
    del fields["saved_activations_bytes"]
    assert complaints(fields) == []
    found = from_json(json.dumps(fields), source="it")
    assert found == make_profile(saved_activations_bytes=None)


def test_files_with_what_a_later_version_adds_follow_the_schema():
    assert complaints(json.loads(to_json(make_profile())) | {"watts": 12.5}) == []


def test_a_schema_admits_no_other_schema():
    fields = json.loads(to_json(make_profile()))
    found = Draft202012Validator(json_schema("segbench/check/1")).iter_errors(fields)
    messages = [error.message for error in found]
    assert "'segbench/check/1' was expected" in messages


def test_a_schema_says_what_the_docstrings_say():
    judgement = json_schema("segbench/check/1")["$defs"]["Judgement"]
    assert judgement["description"] == "One limit, and whether it is kept."
    assert judgement["properties"]["bound"]["description"] == (
        "the most that `value` may be, tolerance included."
    )


def test_descriptions_name_the_constants_of_json():
    assert "None" not in json.dumps(json_schema("segbench/check/1"))


def test_every_attribute_that_a_docstring_describes_is_a_property():
    found = json_schema("segbench/check/1")["$defs"] | {"Check": json_schema("segbench/check/1")}
    assert {"Profile", "Judgement", "Environment", "Check"} <= set(found)
    for title, schema in found.items():
        _, attributes = _read_docstring(_types()[title])
        assert set(attributes) <= set(schema["properties"])


def test_an_unknown_schema_is_refused():
    with pytest.raises(UsageError) as caught:
        json_schema("segbench/check/9")
    assert str(caught.value) == (
        "unknown schema 'segbench/check/9' "
        "(schemas: segbench/profile/1, segbench/comparison/1, segbench/check/1, "
        "segbench/baseline/1, segbench/data/1, segbench/evaluation/1, segbench/reproduction/1, "
        "segbench/search/1, segbench/retraining/1, segbench/compression/1)"
    )


def test_reading_a_published_schema_does_not_wait_for_pydantic():
    code = (
        "import sys; from segbench.results.schemas import json_schema; "
        "json_schema('segbench/profile/1'); "
        "print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
