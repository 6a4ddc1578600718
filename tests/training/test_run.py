"""Training in a folder: what is kept, what a kill costs, and what is refused."""

import json
import os
import shutil
import signal
from itertools import pairwise

import numpy as np
import pytest
import torch

from segbench.data.scenes import VOID
from segbench.errors import MeasurementError, UsageError, WriteError
from segbench.files import LOCK, is_partial, lock_folder
from segbench.training.config import Job
from segbench.training.evaluate import evaluate
from segbench.training.history import best_of
from segbench.training.recipes import DISTILL, INGREDIENTS
from segbench.training.run import train
from segbench.training.run_folder import StateMetadata, WeightsMetadata, read_checkpoint
from segbench.training.summary import find_runs, read_history
from segbench.training.trained import load_network

EVERYTHING = "+".join(["paper", *(name for name in INGREDIENTS if name != DISTILL)])

EPOCHS = 6


def make_job(rooms, **changes):
    fields = {
        "model": "nets_to_train:Small",
        "dataset": str(rooms),
        "size": (24, 32),
        "epochs": EPOCHS,
        "batch": 4,
    }
    return Job(**(fields | changes))


def run(job, folder, **options):
    return train(job, folder, cache=folder.parent / "cache", **options)


@pytest.fixture
def trained(rooms, tmp_path):
    return run(make_job(rooms), tmp_path / "run").path


def test_a_network_learns_what_can_be_learnt(trained):
    history = read_history(trained / "history.csv")
    assert [epoch.epoch for epoch in history] == list(range(1, EPOCHS + 1))
    assert history[-1].loss < history[0].loss
    assert best_of(history).miou > 0.8


def test_two_processes_do_not_train_in_one_folder(rooms, trained, monkeypatch):
    monkeypatch.setitem(lock_folder.__kwdefaults__, "wait_s", 0.0)
    before = read_history(trained / "history.csv")
    with lock_folder(trained), pytest.raises(UsageError, match=f"at work in '{trained}'; wait"):
        run(make_job(rooms), trained, resume=True)
    assert read_history(trained / "history.csv") == before
    assert run(make_job(rooms), trained, resume=True).path == trained


def test_a_run_is_a_folder_of_whole_files(trained):
    assert sorted(path.name for path in trained.iterdir() if path.name != LOCK) == [
        "best.safetensors", "confusion.csv", "curves.png", "history.csv", "last.safetensors",
        "run.json", "speed.csv",
    ]  # fmt: skip
    modes = {path.stat().st_mode & 0o777 for path in trained.iterdir() if path.name != LOCK}
    umask = os.umask(0)
    os.umask(umask)
    assert modes == {0o666 & ~umask}


def test_the_best_weights_give_the_quality_of_their_epoch(trained, tmp_path):
    found = evaluate(trained, cache=tmp_path / "cache", progress=lambda *_: None)
    best = best_of(read_history(trained / "history.csv"))
    assert found.qualities["strict"].miou == best.miou
    assert found.qualities["strict"].pixel_accuracy == best.pixel_accuracy
    rows = (trained / "confusion.csv").read_text().splitlines()[1:]
    assert [[int(cell) for cell in row.split(",")[1:]] for row in rows] == [
        list(row) for row in found.confusion
    ]


def test_void_is_a_class_of_the_network_where_the_protocol_has_it_so(rooms, tmp_path):
    run(make_job(rooms, protocol="void-as-class", epochs=2), tmp_path / "run")
    network, about = load_network(tmp_path / "run" / "best.safetensors")
    assert about.model.options["classes"] == 3
    assert network(torch.zeros(1, 3, 24, 32)).shape == (1, 3, 24, 32)
    # The upper rows are void, and noise looks like the rest: it is learnt by some of its pixels.
    found = evaluate(tmp_path / "run", cache=tmp_path / "cache", progress=lambda *_: None)
    assert found.qualities["void-as-class"].pixels == 4 * 24 * 32
    assert found.qualities["strict"].pixels == 4 * 22 * 32


def test_the_same_seed_gives_the_same_history_and_another_another(rooms, tmp_path, trained):
    again = run(make_job(rooms), tmp_path / "again").path
    other = run(make_job(rooms, seed=1), tmp_path / "other").path
    history = (trained / "history.csv").read_bytes()
    assert (again / "history.csv").read_bytes() == history
    assert (other / "history.csv").read_bytes() != history


def test_what_is_kept_by_a_running_mean_is_what_was_validated(rooms, tmp_path):
    folder = run(make_job(rooms, recipe="paper+average"), tmp_path / "run").path
    found = evaluate(folder, cache=tmp_path / "cache", progress=lambda *_: None)
    best = best_of(read_history(folder / "history.csv"))
    assert found.qualities["strict"].miou == best.miou
    tensors, _ = read_checkpoint(folder / "last.safetensors", StateMetadata)
    name = "layers.0.weight"
    assert not torch.equal(tensors[f"model.{name}"], tensors[f"average.module.{name}"])
    assert int(tensors["average.n_averaged"]) == EPOCHS * 3  # batches of 12 scenes


def test_with_a_cosine_the_rate_falls_from_epoch_to_epoch(rooms, tmp_path):
    folder = run(make_job(rooms, recipe="paper+cosine"), tmp_path / "run").path
    rates = [epoch.rate for epoch in read_history(folder / "history.csv")]
    assert rates[0] == 1e-3  # one step of 18 rises
    assert all(before > after for before, after in pairwise(rates))
    assert len(rates) == EPOCHS


def test_training_ends_when_no_epoch_has_been_better_for_long_enough(rooms, tmp_path, monkeypatch):
    from segbench.training import recipes

    patient = recipes.RECIPES["paper"]
    impatient = {"paper": type(patient)(**{**vars(patient), "patience": 2})}
    monkeypatch.setattr(recipes, "RECIPES", impatient)
    folder = run(make_job(rooms, epochs=200), tmp_path / "run").path
    history = read_history(folder / "history.csv")
    assert len(history) == best_of(history).epoch + 2 < 200


PROGRAM = """
import sys
from pathlib import Path
from segbench.training.config import Job
from segbench.training.run import train
from zoo import allow_import
allow_import("nets_to_train")
rooms, folder, cache, resume, recipe = sys.argv[1:]
job = Job(
    model="nets_to_train:Small", dataset=rooms, size=(24, 32), epochs=6, batch=4, recipe=recipe
)
train(
    job, Path(folder), resume=resume == "resume", cache=Path(cache),
    on_batch=lambda epoch, done, count, loss: print(epoch, done, flush=True),
)
"""


@pytest.fixture
def start(fork, rooms):
    def train_on(folder, *, resume):
        arguments = [
            str(rooms),
            str(folder),
            str(folder.parent / "cache"),
            "resume" if resume else "new",
            EVERYTHING,  # the state has more in it than by any other recipe
        ]
        return fork(PROGRAM, *arguments, folder=folder.parent)

    return train_on


def kill_after(process, batches):
    """Kill a process when it has done so many batches; tell whether it was still running."""
    for _ in range(batches):
        if not process.stdout.readline():
            break
    process.kill()
    return process.wait() == -signal.SIGKILL


def test_a_run_that_is_killed_again_and_again_has_the_history_of_one_that_was_not(
    start, rooms, tmp_path
):
    trained = run(make_job(rooms, recipe=EVERYTHING), tmp_path / "run").path
    folder = tmp_path / "killed"
    # An epoch has three batches; so this is in the midst of the first, of the second, and so on.
    killed = kill_after(start(folder, resume=False), 2)
    for batches in (4, 5, 6, 7):
        killed += kill_after(start(folder, resume=True), batches)
    assert killed >= 4
    last = start(folder, resume=True)
    last.stdout.read()
    assert last.wait() == 0
    assert (folder / "history.csv").read_bytes() == (trained / "history.csv").read_bytes()
    kinds = {"best.safetensors": WeightsMetadata, "last.safetensors": StateMetadata}
    for name, kind in kinds.items():
        ours, theirs = (read_checkpoint(each / name, kind)[0] for each in (folder, trained))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert not [path for path in folder.iterdir() if is_partial(path)]


def test_resuming_a_finished_run_changes_nothing(rooms, trained):
    before = (trained / "last.safetensors").read_bytes()
    seen = []
    run(make_job(rooms), trained, resume=True, on_epoch=lambda *epoch: seen.append(epoch))
    assert seen == []
    assert (trained / "last.safetensors").read_bytes() == before


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_what_was_before(rooms, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(MeasurementError) as caught:
        run(make_job(rooms, model="nets_to_train:Explodes"), folder)
    assert str(caught.value) == (
        "the loss became nan in epoch 2, batch 2 of 3; the run up to the epoch before is kept"
    )
    assert [epoch.epoch for epoch in read_history(folder / "history.csv")] == [1]
    assert (folder / "best.safetensors").exists()


def test_a_full_disk_is_one_line_and_keeps_what_was_before(rooms, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    run(make_job(rooms, epochs=2), folder)
    before = (folder / "last.safetensors").read_bytes()

    def full(_file):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"^cannot write .*: no space left on device$"):
        run(make_job(rooms, epochs=2), folder, resume=True)
    assert (folder / "last.safetensors").read_bytes() == before
    assert not [path for path in folder.iterdir() if is_partial(path)]


def refused(*arguments, **options):
    with pytest.raises(UsageError) as caught:
        run(*arguments, **options)
    return str(caught.value)


def test_a_run_is_never_begun_over_another(rooms, trained):
    assert refused(make_job(rooms), trained) == (
        f"{str(trained)!r} exists already; add --resume to go on with it, or name another folder "
        "with --out"
    )


def test_a_run_goes_on_only_as_it_was_begun(rooms, trained, tmp_path):
    assert refused(make_job(rooms, batch=2, seed=3), trained, resume=True) == (
        f"cannot go on with {str(trained)!r}: batch differs (4, now 2); seed differs (0, now 3); "
        "give the options that it was begun with"
    )
    nothing = tmp_path / "nothing"
    assert refused(make_job(rooms), nothing, resume=True) == (
        f"{str(nothing)!r} is no run: it has no run.json; train one with segbench train"
    )


def test_a_run_does_not_go_on_by_a_recipe_that_has_changed(rooms, trained, tmp_path):
    older = shutil.copytree(trained, tmp_path / "older")
    about = json.loads((older / "run.json").read_text())
    (older / "run.json").write_text(json.dumps(about | {"recipe": about["recipe"] | {"rate": 0.5}}))
    assert refused(make_job(rooms), older, resume=True) == (
        f"cannot go on with {str(older)!r}: since it was begun, the recipe paper has changed: rate "
        "was 0.5 and is 0.001; train anew into another folder"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipe": "papr"}, "unknown recipe 'papr'; did you mean 'paper'? (recipes: paper"),
        ({"epochs": 0}, "epochs must be a positive whole number, got 0"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"protocol": "lax"}, "protocol must be one of strict, void-as-class, "),
        ({"precision": "int8"}, "precision must be one of float32, bfloat16, float16, got 'int8'"),
    ],
)
def test_a_job_that_cannot_be_is_refused_before_anything_is_read(rooms, changes, words):
    with pytest.raises(UsageError) as caught:
        make_job(rooms, **changes)
    assert str(caught.value).startswith(words)


def test_a_network_that_is_not_for_these_data_is_refused(rooms, tmp_path):
    job = make_job(rooms, model="nets_to_train:Small,classes=5")
    assert "has 5 classes, and" in refused(job, tmp_path / "a")
    words = refused(make_job(rooms, model="nets_to_train:OfOutputs,outputs=7"), tmp_path / "b")
    assert words == (
        "network 'nets_to_train:OfOutputs,outputs=7' returned logits of 7 classes, and 2 are to be "
        "learnt"
    )


def test_a_network_that_returns_a_dict_of_smaller_logits_is_trained_and_evaluated(rooms, tmp_path):
    """Its builder calls the classes by another name, as those of other packages do."""
    job = make_job(rooms, model="nets_to_train:OfOutputs,outputs=2")
    folder = run(job, tmp_path / "run").path
    best = best_of(read_history(folder / "history.csv"))
    assert best.miou > 0.5
    found = evaluate(folder, cache=tmp_path / "cache", progress=lambda *_: None)
    assert found.qualities["strict"].miou == pytest.approx(best.miou, abs=1e-4)
    assert found.model["options"] == {"outputs": 2}


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda path: path.write_bytes(path.read_bytes()[:500]),
            "it is damaged, or no safetensors",
        ),
        (lambda path: path.write_text("hello"), "it is damaged, or no safetensors"),
        (lambda path: path.unlink(), "there is no checkpoint"),
    ],
)
def test_a_damaged_checkpoint_is_one_line(trained, damage, words):
    damage(trained / "best.safetensors")
    with pytest.raises(UsageError) as caught:
        load_network(trained / "best.safetensors")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_is_not_evaluated_on_other_classes(trained, rooms, tmp_path):
    (rooms / "classes.csv").write_text("name\nfloor\nceiling\n")
    with pytest.raises(UsageError, match="was trained on other classes than those of 'rooms'"):
        evaluate(trained, cache=tmp_path / "cache", progress=lambda *_: None)


@pytest.mark.usefixtures("trained")
def test_runs_are_listed_with_the_best_first(rooms, tmp_path):
    run(make_job(rooms, epochs=1), tmp_path / "short")
    found = find_runs(tmp_path)
    assert {each.path.name: (each.epochs, each.most) for each in found} == {
        "run": (EPOCHS, EPOCHS), "short": (1, 1),
    }  # fmt: skip
    assert [each.best.miou for each in found] == sorted(
        (each.best.miou for each in found), reverse=True
    )


def test_the_quality_is_that_of_another_implementation(trained, rooms):
    """From predictions made here with images read here, by scikit-learn."""
    from PIL import Image
    from sklearn.metrics import accuracy_score, jaccard_score

    network, _ = load_network(trained / "best.safetensors")
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    labelled, predicted = [], []
    for path in sorted((rooms / "val" / "images").iterdir()):
        image = (np.asarray(Image.open(path)) / 255 - mean) / deviation
        images = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))
        with torch.no_grad():
            found = network(images)[0].argmax(0).numpy()
        label = np.asarray(Image.open(rooms / "val" / "labels" / path.name))
        labelled.append(label[label != VOID])
        predicted.append(found[label != VOID])
    true, found = np.concatenate(labelled), np.concatenate(predicted)
    best = best_of(read_history(trained / "history.csv"))
    assert best.miou == pytest.approx(jaccard_score(true, found, average="macro"), abs=1e-9)
    assert best.pixel_accuracy == pytest.approx(accuracy_score(true, found), abs=1e-9)
