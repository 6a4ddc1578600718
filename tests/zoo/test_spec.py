"""A spec reads back from its text and its JSON, and malformed ones are refused in one line."""

import contextlib
import copy
import json
import pickle
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoo import ModelSpec, SpecError

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCALARS = (
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["true", "12", "1e3", "", ":", "a,b=c", 'say "x"', " padded ", "\\"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=9).map(tuple)
OPTIONS = st.dictionaries(
    st.text(string.ascii_letters + "_", min_size=1, max_size=8), VALUES, max_size=5
)
NAMES = st.sampled_from(["segfast", "segfast-basic", "mypkg.nets:tiny", "some_model.v2"])
SPECS = st.builds(ModelSpec, NAMES, OPTIONS)


def types_of(options):
    return {
        name: [type(item) for item in value] if isinstance(value, tuple) else type(value)
        for name, value in options.items()
    }


@UNHURRIED
@given(SPECS)
def test_the_text_of_a_spec_reads_back_as_the_spec(spec):
    again = ModelSpec.parse(str(spec))
    assert again == spec
    assert hash(again) == hash(spec)
    assert dict(again.options) == dict(spec.options)
    assert types_of(again.options) == types_of(spec.options)


@UNHURRIED
@given(SPECS)
def test_the_json_of_a_spec_reads_back_as_the_spec(spec):
    assert ModelSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@UNHURRIED
@given(SPECS)
def test_a_spec_is_one_printable_line(spec):
    assert str(spec).isprintable()


@UNHURRIED
@given(st.text())
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(SpecError):
        spec = ModelSpec.parse(text)
        assert ModelSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16", 16),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("false", False),
        ("separable", "separable"),
        ('"16"', "16"),
        ('"a,b:c"', "a,b:c"),
        ("16:16:32", (16, 16, 32)),
        ("16:", (16,)),
        (":", ()),
        ('separable:"1":2', ("separable", "1", 2)),
    ],
)
def test_values_are_read_by_their_form(text, value):
    read = ModelSpec.parse(f"net,x={text}").options["x"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a model needs a name, such as 'segfast', not ''"),
        (",classes=2", "a model needs a name, such as 'segfast', not ''"),
        ("segfast,", "nothing follows a comma; write option=value"),
        ("segfast,,", "nothing follows a comma; write option=value"),
        ("segfast,classes", "option 'classes' has no value; write classes=VALUE"),
        ("segfast,classes=", "option 'classes' has no value; write classes=VALUE"),
        ("segfast,=3", "'' is no option name; write option=value"),
        ("segfast,2x=3", "'2x' is no option name; write option=value"),
        ("segfast,classes=2,classes=3", "option 'classes' is given twice"),
        ("segfast,squeeze=16::32", "option 'squeeze': a value between colons is empty"),
        ('segfast,x="open', "option 'x': \"open is no text in JSON quotes"),
        (
            "seg fast",
            "'seg fast' is no model name; it may hold no space, comma, '=', '@' or quote",
        ),
        (
            "segfast,x=1e999",
            (
                "option 'x': inf is no option value; give a finite number, true or false, text, "
                "null, or a flat list of these"
            ),
        ),
        ("segfast,x=" + "9" * 5000, "option 'x': a number of 5000 digits is too long"),
    ],
)
def test_malformed_text_is_refused_with_its_reason(text, reason):
    with pytest.raises(SpecError) as caught:
        ModelSpec.parse(text)
    assert str(caught.value) == f"cannot read model {text!r}: {reason}"


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        ([1], "a model is an object with a name and options, not [1]"),
        ({}, "a model needs a name, such as 'segfast', not ''"),
        ({"name": 3}, "a model needs a name, such as 'segfast', not 3"),
        ({"name": "net", "options": [1]}, "a model's options are an object, not [1]"),
        (
            {"name": "net", "option": {}},
            "unknown key 'option' in a model; did you mean 'options'? (keys: name, options)",
        ),
        (
            {"name": "net", "options": {"x": {}}},
            (
                "option 'x' of model 'net': {} is no option value; give a finite number, "
                "true or false, text, null, or a flat list of these"
            ),
        ),
        (
            {"name": "a.json"},
            "'a.json' is a file, not a model's name; read it with ModelSpec.read",
        ),
    ],
)
def test_json_that_is_no_spec_is_refused_with_its_reason(obj, reason):
    with pytest.raises(SpecError) as caught:
        ModelSpec.from_json(obj)
    assert str(caught.value) == reason


def test_numbers_and_truths_that_python_calls_equal_are_different_specs():
    assert len({ModelSpec("net", {"x": value}) for value in (1, 1.0, True, "1", (1,))}) == 5


def test_the_order_of_options_does_not_matter():
    assert ModelSpec("net", {"b": 1, "a": 2}) == ModelSpec("net", {"a": 2, "b": 1})
    assert str(ModelSpec("net", {"b": 1, "a": 2})) == "net,a=2,b=1"


def test_a_spec_cannot_change():
    given_options = {"a": 1}
    spec = ModelSpec("net", given_options)
    given_options["a"] = 2
    assert spec.options["a"] == 1
    with pytest.raises(TypeError):
        spec.options["a"] = 2
    with pytest.raises(AttributeError):
        spec.name = "other"


def test_a_spec_survives_pickle_and_deepcopy():
    spec = ModelSpec("net", {"a": (1, 2)})
    assert pickle.loads(pickle.dumps(spec)) == spec  # noqa: S301, what was just written
    assert copy.deepcopy(spec) == spec


def test_new_options_override_and_leave_the_spec_alone():
    spec = ModelSpec("net", {"a": 1, "b": 2})
    assert str(spec.with_options(b=3, self=4)) == "net,a=1,b=3,self=4"
    assert str(spec) == "net,a=1,b=2"


@pytest.mark.parametrize("key", [None, "model"])
def test_a_file_holds_a_spec_at_its_top_or_under_model(tmp_path, key):
    path = tmp_path / "found.json"
    spec = ModelSpec("segfast", {"classes": 12, "squeeze": (16,) * 8})
    inner = spec.to_json()
    path.write_text(json.dumps({key: inner, "params": 1} if key else inner))
    assert ModelSpec.read(path) == spec
    assert ModelSpec.parse(str(path)) == spec
    assert ModelSpec.parse(f"{path},classes=3") == spec.with_options(classes=3)


def test_an_option_may_end_in_json():
    assert ModelSpec.parse("net,table=a.json").options["table"] == "a.json"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file or directory"),
        (b'{"name": "segf', "not JSON (Unterminated string starting at, line 1 column 10)"),
        (b"", "not JSON (Expecting value, line 1 column 1)"),
        (b"\xff\xd8\xff", "it is not text"),
        (b"[1]", "a model is an object with a name and options, not [1]"),
        (b'{"schema": 1}', "unknown key 'schema' in a model (keys: name, options)"),
    ],
)
def test_a_file_without_a_spec_is_refused_by_name(tmp_path, content, reason):
    path = tmp_path / "net.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        ModelSpec.parse(f"{path},classes=2")
    assert str(caught.value) == (
        f"cannot read model file {str(path)!r}: {reason}; "
        'give a JSON file like {"name": "segfast", "options": {"classes": 12}}'
    )


def test_a_directory_is_no_file(tmp_path):
    path = tmp_path / "dir.json"
    path.mkdir()
    with pytest.raises(SpecError, match="is a directory"):
        ModelSpec.parse(str(path))


def test_json_nested_without_end_is_refused(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(SpecError, match="lists or objects stand in one another too deeply"):
        ModelSpec.read(path)
