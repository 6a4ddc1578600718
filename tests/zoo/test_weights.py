"""Weights by name: which texts stand for some, and which network they say they are of."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from zoo.allowed import ForbiddenImportError
from zoo.errors import SpecError
from zoo.spec import ModelSpec
from zoo.weights import find_weights, names_weights, read_model_of


def write_weights(path, about):
    metadata = None if about is None else {"segbench": json.dumps(about)}
    save_file({"weight": np.zeros(2, np.float32)}, path, metadata=metadata)
    return str(path)


def test_a_folder_of_a_networks_name_is_meant_by_its_path_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "segfast").mkdir()
    (tmp_path / "runs").mkdir()
    assert not names_weights("segfast")
    assert names_weights("./segfast")
    assert names_weights("runs")
    assert find_weights("runs").name == "best.safetensors"


def test_a_file_wins_over_a_pretrained_network_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_weights("segfast-streets").parent.name == "pretrained"
    (tmp_path / "segfast-streets").touch()
    assert find_weights("segfast-streets").resolve() == tmp_path / "segfast-streets"


def test_the_network_is_read_without_the_weights(tmp_path):
    about = {"model": {"name": "segfast", "options": {"classes": 3}}}
    assert read_model_of(write_weights(tmp_path / "a, b@c.safetensors", about)) == ModelSpec(
        "segfast", {"classes": 3}
    )


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (None, "give one that segbench train wrote"),
        ([], "a model is an object with a name and options, not []"),
        ({}, "a model is an object with a name and options, not None"),
        ({"model": {"name": "a b"}}, ("'a b' is no model name; it may hold no space, comma, "
         "'=', '@' or quote")),
    ],
)  # fmt: skip
def test_weights_that_name_no_network_are_one_line(tmp_path, about, said):
    path = write_weights(tmp_path / "w.safetensors", about)
    with pytest.raises(SpecError) as caught:
        read_model_of(path)
    joined = ";" if about is None else ":"
    assert str(caught.value) == (
        f"the checkpoint {path!r} does not say which network it is of{joined} {said}"
    )


def test_weights_import_nothing_that_was_not_allowed(tmp_path):
    path = write_weights(tmp_path / "w.safetensors", {"model": {"name": "os:system"}})
    with pytest.raises(ForbiddenImportError):
        read_model_of(path)


def test_a_run_without_weights_says_so(tmp_path):
    with pytest.raises(SpecError) as caught:
        read_model_of(str(tmp_path))
    best = str(tmp_path / "best.safetensors")
    assert str(caught.value) == (
        f"there is no checkpoint {best!r} (name a run's folder, a file of weights, or one that "
        "comes along: segfast-streets)"
    )
