"""A training that learns from trained networks: what is learnt, kept, refused and gone on with."""

import json
import shutil

import pytest
import torch
from runs_for_tests import make_job, run
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional

from segbench.data.scenes import VOID, LabelClass
from segbench.errors import UsageError
from segbench.training.config import Job
from segbench.training.summary import read_history
from segbench.training.teachers import Teachers, divergence
from segbench.training.trained import load_network

RECIPE = "paper+distill"


@pytest.fixture
def teacher(rooms, tmp_path):
    return run(make_job(rooms, epochs=3), tmp_path / "teacher")


def taught(rooms, *teachers, **changes):
    return make_job(rooms, recipe=RECIPE, seed=1, teachers=tuple(map(str, teachers)), **changes)


def classes_of(run_folder):
    about = json.loads((run_folder / "run.json").read_text())
    return [LabelClass(**{**each, "color": tuple(each["color"])}) for each in about["classes"]]


def test_the_divergence_is_that_of_the_formula_over_labelled_pixels():
    torch.manual_seed(0)
    logits, theirs = torch.randn(2, 5, 3, 4), torch.randn(2, 5, 3, 4)
    labels = torch.randint(0, 5, (2, 3, 4))
    labels[0, 0] = VOID
    own, softened = (logits.double() / 3).softmax(1), (theirs.double() / 3).softmax(1)
    by_pixel = (softened * (softened.log() - own.log())).sum(1)
    expected = 9 * by_pixel[labels != VOID].mean()
    found = divergence(logits, softened.float(), labels, 3.0)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_nothing_labelled_is_nothing_to_learn():
    logits = torch.randn(1, 5, 2, 2, requires_grad=True)
    found = divergence(logits, torch.full((1, 5, 2, 2), 0.2), torch.full((1, 2, 2), VOID), 2.0)
    found.backward()
    assert found == 0
    assert not logits.grad.any()


def test_several_teachers_are_asked_for_their_mean(rooms, teacher, tmp_path):
    other = run(make_job(rooms, epochs=1, seed=7), tmp_path / "other")
    classes = classes_of(teacher)
    images = torch.randn(2, 3, 24, 32)
    found = Teachers([str(teacher), str(other)], classes=classes, outputs=len(classes)).softened(
        images, 2.0
    )
    with torch.no_grad():
        each = [
            functional.softmax(load_network(path / "best.safetensors")[0](images) / 2, dim=1)
            for path in (teacher, other)
        ]
    torch.testing.assert_close(found, (each[0] + each[1]) / 2)


def test_a_teacher_that_knows_void_is_asked_for_the_others_alone(rooms, tmp_path):
    path = run(make_job(rooms, epochs=1, protocol="void-as-class"), tmp_path / "void")
    classes = classes_of(path)
    images = torch.randn(1, 3, 24, 32)
    found = Teachers([str(path)], classes=classes, outputs=len(classes)).softened(images, 2.0)
    with torch.no_grad():
        logits = load_network(path / "best.safetensors")[0](images)
    assert logits.shape[1] == len(classes) + 1
    torch.testing.assert_close(found, functional.softmax(logits[:, :-1] / 2, dim=1))


def test_a_network_comes_nearer_to_its_teacher_than_one_without(rooms, teacher, tmp_path):
    with_it = run(taught(rooms, teacher, epochs=6), tmp_path / "with")
    without = run(make_job(rooms, epochs=6, seed=1), tmp_path / "without")
    images, labels = torch.rand(4, 3, 24, 32), torch.zeros(4, 24, 32, dtype=torch.long)
    classes = classes_of(teacher)
    teachers = Teachers([str(teacher)], classes=classes, outputs=len(classes))
    softened = teachers.softened(images, 2.0)
    with torch.no_grad():
        near, far = (
            divergence(load_network(path / "best.safetensors")[0](images), softened, labels, 2.0)
            for path in (with_it, without)
        )
    assert near < far


def test_the_run_keeps_what_it_learnt_from(rooms, teacher, tmp_path):
    path = run(taught(rooms, teacher), tmp_path / "run")
    about = json.loads((path / "run.json").read_text())
    [kept] = about["teachers"]
    assert kept["weights"] == str(teacher)
    assert len(kept["sha256"]) == 64
    assert about["job"]["teachers"] == [str(teacher)]
    assert about["recipe"]["distill"] == 1.0
    assert not any("teacher" in name for name in load_file(path / "last.safetensors"))


@pytest.mark.parametrize("epochs_before", [0, 1])
def test_a_resumed_run_is_the_one_that_was_not_stopped(rooms, teacher, tmp_path, epochs_before):
    job = taught(rooms, teacher)
    whole = read_history(run(job, tmp_path / "whole") / "history.csv")

    def stop(epoch, done, *_):
        if (epoch, done) == (epochs_before + 1, 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(job, tmp_path / "stopped", on_batch=stop)
    resumed = run(job, tmp_path / "stopped", resume=True)
    assert read_history(resumed / "history.csv") == whole


def test_a_run_does_not_go_on_with_another_teacher_of_the_name(rooms, teacher, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(teacher, mine)
    path = run(taught(rooms, mine, epochs=1), tmp_path / "run")
    before = contents(path)
    change_weights(mine / "best.safetensors")
    with pytest.raises(UsageError) as caught:
        run(taught(rooms, mine, epochs=1), path, resume=True)
    assert str(caught.value) == (
        f"cannot go on with {str(path)!r}: since it was begun, the teacher {str(mine)!r} has "
        "changed; bring its weights back, or train anew into another folder"
    )
    assert contents(path) == before


def contents(folder):
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}


def change_weights(path):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors["layers.0.weight"] += 0.1
    save_file(tensors, path, metadata)


def test_teachers_of_other_classes_are_refused(rooms, tmp_path):
    with pytest.raises(UsageError) as caught:
        run(taught(rooms, "segfast-streets"), tmp_path / "run")
    assert "tells apart" in str(caught.value)
    assert "name a teacher of the same classes" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_teacher_that_knows_no_void_teaches_none_that_learns_it(rooms, teacher, tmp_path):
    with pytest.raises(UsageError, match="was trained by strict, which does not learn void"):
        run(taught(rooms, teacher, protocol="void-as-class"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"recipe": RECIPE}, "learns from teachers, and none is named"),
        ({"recipe": "paper", "teachers": ("runs/a",)}, "write paper+distill"),
        ({"recipe": RECIPE, "teachers": ("runs/a", "runs/a")}, "a teacher is named twice"),
    ],
)
def test_a_recipe_distils_where_there_are_teachers_and_only_there(fields, said):
    with pytest.raises(UsageError, match=said.replace("+", r"\+")):
        Job(model="segfast", dataset="streets", **fields)


def test_a_job_with_teachers_is_read_as_it_was_written():
    job = Job(model="segfast", dataset="streets", recipe=RECIPE, teachers=("runs/a", "runs/b"))
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job
