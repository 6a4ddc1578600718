"""Candidates are read from text and written back as they were."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from segbench.errors import UsageError
from segbench.files import fields_as
from segbench.measurement.workers.protocol import Task, decode, encode
from segbench.results.candidate import PRECISIONS, Candidate, RuntimeSpec, read_precision
from zoo.spec import ModelSpec

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=9),
)  # fmt: skip
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3).map(tuple))
OPTIONS = st.dictionaries(NAMES, VALUES, max_size=3)
RUNTIMES = st.builds(
    RuntimeSpec,
    NAMES,
    st.sampled_from(PRECISIONS),
    st.dictionaries(NAMES.filter(lambda name: name != "threads"), VALUES, max_size=3),
)
CANDIDATES = st.builds(
    Candidate,
    st.builds(ModelSpec, NAMES, OPTIONS),
    runtime=RUNTIMES,
    threads=st.none() | st.integers(1, 99),
)


@given(CANDIDATES)
def test_what_is_written_is_read_as_the_same(candidate):
    assert Candidate.parse(str(candidate)) == candidate


@given(CANDIDATES)
def test_what_went_through_json_is_the_same(candidate):
    task = Task(candidate)
    assert Task.from_json(decode(encode(task.to_json()))) == task


def test_a_saved_candidate_is_read_strictly():
    fields = {
        "spec": {"name": "segfast", "options": {"squeeze": [16, 32]}},
        "weights": None,
        "runtime": {"name": "eager", "precision": "bf16", "options": {"layout": "nhwc"}},
        "threads": 2,
    }
    found = fields_as(fields, Candidate, source="it")
    assert str(found) == "segfast,squeeze=16:32@eager:bf16,layout=nhwc,threads=2"
    with pytest.raises(UsageError) as caught:
        fields_as(fields | {"threads": 0}, Candidate, source="it")
    assert str(caught.value) == (
        "it is damaged at threads: input should be greater than or equal to 1 (1 such places)"
    )


def test_an_eager_candidate_in_single_precision_is_called_as_its_network():
    for text in ("segfast", "segfast@eager", "segfast@eager:fp32", "segfast,classes=12@eager"):
        assert Candidate.parse(text).label == "segfast"


def test_the_last_at_outside_of_quotes_tells_the_runtime():
    found = Candidate.parse('mine.nets:tiny,name="a@b"@eager,threads=3')
    assert found.spec == ModelSpec("mine.nets:tiny", {"name": "a@b"})
    assert found.threads == 3


def test_an_at_in_a_path_that_is_there_tells_no_runtime(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a@b").mkdir()
    (tmp_path / "a@b" / "net.json").write_text('{"name": "segfast"}')
    for text in ("a@b/net.json", "a@b/net.json,stem_width=8"):
        assert Candidate.parse(text).label == f"segfast{text.removeprefix('a@b/net.json')}"
        assert Candidate.parse(f"{text}@eager:bf16").runtime.precision == "bf16"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("segfast@", "'' is no runtime's name; write eager"),
        ("segfast@e ager", "'e ager' is no runtime's name; write eager"),
        ("segfast@eager:", "cannot read runtime 'eager:': no precision follows the colon"),
        (
            "segfast@eager:half",
            "unknown precision 'half' (precisions: fp32, bf16, fp16, int8)",
        ),
        (
            "segfast@eager,layout",
            "cannot read runtime 'eager,layout': option 'layout' has no value; write layout=VALUE",
        ),
        (
            "segfast@eager,threads=0",
            "cannot read runtime 'eager,threads=0': threads must be a positive whole number, got 0",
        ),
    ],
)
def test_a_runtime_that_cannot_be_read_is_refused(text, said):
    with pytest.raises(UsageError) as caught:
        Candidate.parse(text)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("text", "name"),
    [("float32", "fp32"), ("bfloat16", "bf16"), ("float16", "fp16"), ("int8", "int8")],
)
def test_torchs_names_of_precisions_are_read(text, name):
    assert read_precision(text) == name


@pytest.fixture(scope="module")
def file_of_weights(tmp_path_factory):
    about = {"model": {"name": "segfast", "options": {"classes": 3}}}
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_file({"a": np.zeros(1, np.float32)}, path, metadata={"segbench": json.dumps(about)})
    return path


PATHS = st.text(alphabet='ab@, =:"-.', min_size=1, max_size=8).filter(
    lambda name: name == name.strip() and name.strip(".")
)


@given(PATHS, RUNTIMES, st.none() | st.integers(1, 99))
def test_weights_with_any_name_are_read_as_they_are_written(
    file_of_weights, name, runtime, threads
):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.safetensors")
        shutil.copy(file_of_weights, path)
        spec = ModelSpec("segfast", {"classes": 3})
        candidate = Candidate(spec, str(path), runtime, threads)
        assert Candidate.parse(str(candidate)) == candidate
        assert candidate.label == str(candidate)


def test_a_path_that_is_there_names_no_runtime(tmp_path, file_of_weights, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("first", "first@openvino"):
        Path(name).mkdir()
        shutil.copy(file_of_weights, Path(name, "best.safetensors"))
    assert Candidate.parse("first@onnxruntime").runtime.name == "onnxruntime"
    found = Candidate.parse("first@openvino")
    assert (found.weights, found.runtime.name) == ("first@openvino", "eager")
    assert Candidate.parse("first@openvino@openvino:bf16").weights == "first@openvino"
