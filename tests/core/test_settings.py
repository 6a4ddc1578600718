"""What may be asked of a measurement."""

import hashlib

import pytest

from segbench.cpus import effective_cpus
from segbench.errors import UsageError
from segbench.settings import Settings
from zoo.errors import UnknownModelError
from zoo.spec import ModelSpec


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"threads": 0}, "threads must be a positive whole number, got 0"),
        ({"batch": -1}, "batch must be a positive whole number, got -1"),
        ({"size": (0, 8)}, "height must be a positive whole number, got 0"),
        ({"size": (8, 0)}, "width must be a positive whole number, got 0"),
        ({"classes": 0}, "classes must be a positive whole number, got 0"),
        ({"repeats": 0}, "repeats must be a positive whole number, got 0"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"device": "tpu"}, "device must be cpu or cuda, got 'tpu'"),
        ({"allocator": "fast"}, "allocator must be steady or system, got 'fast'"),
        ({"runtime": "egger"}, "unknown runtime 'egger'; did you mean 'eager'? (runtimes: eager)"),
        ({"runtime": "onnx"}, "unknown runtime 'onnx' (runtimes: eager)"),
    ],
)
def test_a_value_out_of_range_is_refused(changes, text):
    with pytest.raises(UsageError) as caught:
        Settings(**changes)
    # A table of runtimes only grows; the names at its end are not this test's business.
    assert str(caught.value).partition(" (runtimes")[0] == text.partition(" (runtimes")[0]


def test_without_a_thread_count_there_are_as_many_as_effective_cpus():
    assert Settings().thread_count == effective_cpus()
    assert Settings(threads=7).thread_count == 7


def test_a_task_carries_everything_that_was_asked_for():
    settings = Settings(
        threads=3, batch=2, size=(8, 16), classes=5, allocator="system", runtime="eager", seed=9
    )
    task = settings.task("segfast,stem_width=48")
    assert (task.name, task.options) == ("segfast", {"stem_width": 48})
    assert (task.threads, task.batch, task.height, task.width) == (3, 2, 8, 16)
    assert (task.classes, task.allocator, task.runtime, task.seed) == (5, "system", "eager", 9)
    assert task.input is None


def test_the_class_count_is_open_unless_somebody_names_it():
    assert Settings().task("segfast").classes is None  # the worker fills it in, and checks others


def test_a_model_may_be_text_or_a_specification():
    spec = ModelSpec("segfast", {"stem_width": 48})
    assert Settings().task(spec) == Settings().task("segfast,stem_width=48")


def test_class_counts_that_agree_are_no_contradiction():
    assert Settings(classes=5).task("segfast,classes=5").options == {"classes": 5}


def test_class_counts_that_contradict_each_other_are_refused():
    with pytest.raises(UsageError) as caught:
        Settings(classes=4).task("segfast,classes=3")
    assert str(caught.value) == (
        "model 'segfast,classes=3' has 3 classes and --classes says 4; give only one of them"
    )


def test_an_unknown_model_is_refused_with_its_nearest_name():
    with pytest.raises(UnknownModelError, match=r"^unknown model 'segfas'; did you mean 'segfast'"):
        Settings().task("segfas")


def test_no_model_at_all_is_refused():
    with pytest.raises(UsageError) as caught:
        Settings().tasks([])
    assert str(caught.value) == "no model was named; name some, or give --all"


def test_a_model_that_is_named_twice_is_refused():
    with pytest.raises(UsageError) as caught:
        Settings().tasks(["segfast", "segnet", "segfast"])
    assert str(caught.value) == "model 'segfast' is named twice; name it once"


def test_one_model_with_two_sets_of_options_is_two_models():
    tasks = Settings().tasks(["segfast", "segfast,stem_width=48"])
    assert [task.options for task in tasks] == [{}, {"stem_width": 48}]


def test_an_input_is_noise_or_a_picture_with_its_checksum(tmp_path):
    assert Settings().describe_input() == "noise"
    picture = tmp_path / "street.png"
    picture.write_bytes(b"not looked into here")
    checksum = hashlib.sha256(b"not looked into here").hexdigest()
    assert Settings(input=picture).describe_input() == f"street.png sha256:{checksum}"


def test_a_picture_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        Settings(input=tmp_path / "none.png").describe_input()
    path = str(tmp_path / "none.png")
    assert str(caught.value) == f"cannot read picture {path!r}: no such file or directory"
    with pytest.raises(UsageError) as caught:
        Settings(input=tmp_path).describe_input()
    assert str(caught.value) == f"cannot read picture {str(tmp_path)!r}: is a directory"


def test_a_worker_is_given_the_whole_path_of_a_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings(input="street.png").task("segfast").input == str(tmp_path / "street.png")
