"""Auxiliary heads: what they add to the loss, and that nothing but the state keeps them."""

import json
import math

import pytest
import torch

from segbench.errors import UsageError
from segbench.training.auxiliary import auxiliary_logits
from segbench.training.config import Job, has_heads, without_heads
from segbench.training.run import train
from segbench.training.run_folder import StateMetadata, WeightsMetadata, read_checkpoint
from segbench.training.trained import load_network
from zoo.spec import ModelSpec

NET = "nets_to_train:WithHeads"
HEADS = {"auxiliary.0.weight", "auxiliary.0.bias", "auxiliary.1.weight", "auxiliary.1.bias"}
HEAD_PARAMS = 2 * (8 * 2 + 2)  # two 1x1 convolutions of eight channels to two classes, with biases


def run(rooms, folder, *, resume=False, on_batch=lambda *_: None, **changes):
    fields = {"model": NET, "size": (24, 32), "epochs": 2, "batch": 4, "dataset": str(rooms)}
    job = Job(**(fields | changes))
    return train(job, folder, resume=resume, cache=folder.parent / "cache", on_batch=on_batch).path


def first_loss(rooms, folder, **changes):
    """Return the loss of the first batch, before any step."""
    seen = []
    run(rooms, folder, epochs=1, on_batch=lambda *batch: seen.append(batch[-1]), **changes)
    return seen[0]


def test_each_head_adds_its_loss_with_the_recipes_weight(rooms, tmp_path):
    plain = first_loss(rooms, tmp_path / "plain", model=f"{NET},auxiliary=false")
    whole = first_loss(rooms, tmp_path / "whole")
    # Logits of 0 give either of two classes a half, so each head's cross-entropy is ln 2.
    assert whole == pytest.approx(plain + 2 * 0.4 * math.log(2), abs=1e-5)


@pytest.mark.parametrize("recipe", ["paper", "paper+average"])
def test_the_heads_are_in_the_state_and_in_nothing_else(rooms, tmp_path, recipe):
    folder = run(rooms, tmp_path / "run", recipe=recipe)
    last, _ = read_checkpoint(folder / "last.safetensors", StateMetadata)
    assert {f"model.{name}" for name in HEADS} <= set(last)
    best, about = read_checkpoint(folder / "best.safetensors", WeightsMetadata)
    assert not [name for name in best if name.startswith("auxiliary")]
    assert about.model.options == {"classes": 2}
    network, _ = load_network(folder / "best.safetensors")
    assert network.auxiliary is None
    assert network(torch.zeros(1, 3, 24, 32)).shape == (1, 2, 24, 32)
    said = json.loads((folder / "run.json").read_text())
    assert said["auxiliary_params"] == HEAD_PARAMS
    assert said["recipe"]["auxiliary"] == 0.4
    assert said["model"]["options"] == {"classes": 2}


def test_the_heads_are_trained(rooms, tmp_path):
    last, _ = read_checkpoint(run(rooms, tmp_path / "run") / "last.safetensors", StateMetadata)
    assert all(bool(last[f"model.{name}"].any()) for name in HEADS)


def test_a_run_that_was_stopped_goes_on_with_its_heads(rooms, tmp_path):
    def stop(number, done, _count, _loss):
        if (number, done) == (2, 2):
            raise KeyboardInterrupt

    whole = run(rooms, tmp_path / "whole", epochs=3)
    with pytest.raises(KeyboardInterrupt):
        run(rooms, tmp_path / "parts", epochs=3, on_batch=stop)
    parts = run(rooms, tmp_path / "parts", epochs=3, resume=True)
    assert (parts / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    ours, theirs = (
        read_checkpoint(each / "last.safetensors", StateMetadata)[0] for each in (parts, whole)
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_without_heads_a_run_says_so_and_has_none(rooms, tmp_path):
    folder = run(rooms, tmp_path / "run", model=f"{NET},auxiliary=false")
    assert json.loads((folder / "run.json").read_text())["auxiliary_params"] is None
    last, _ = read_checkpoint(folder / "last.safetensors", StateMetadata)
    assert not [name for name in last if "auxiliary" in name]
    _, about = read_checkpoint(folder / "best.safetensors", WeightsMetadata)
    assert about.model.options == {"classes": 2}


def test_whether_heads_train_is_no_part_of_what_was_trained():
    for text in (NET, f"{NET},auxiliary=true", f"{NET},auxiliary=false"):
        job = Job(model=text, dataset="streets")
        assert str(job.spec_for(8)) == f"{NET},classes=8"
    assert Job(model=NET, dataset="streets").spec_to_train(8).options["auxiliary"] is True
    segfast = Job(model="segfast", dataset="streets")
    assert segfast.spec_to_train(8) == segfast.spec_for(8)


def test_an_option_of_this_name_that_is_not_off_means_something_else():
    assert has_heads(NET)
    assert not has_heads("nets_to_train:WithAnAuxiliary")
    spec = ModelSpec("nets_to_train:WithAnAuxiliary", {"auxiliary": "yours"})
    assert without_heads(spec) == spec


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            "nets_to_train:Headless",
            (
                "takes the option auxiliary, and has no module of that name with its auxiliary "
                "heads; add auxiliary=false to train without any"
            ),
        ),
        (
            "nets_to_train:Silent",
            (
                "returned a Tensor in training; with auxiliary heads it must return a tuple: its "
                "logits, and those of each head"
            ),
        ),
        (
            f"{NET},auxiliary=2",
            "must be true or false, got 2",
        ),
    ],
)
def test_a_network_that_has_no_heads_after_all_is_one_line(rooms, tmp_path, model, words):
    with pytest.raises((UsageError, ValueError)) as caught:
        run(rooms, tmp_path / "run", model=model)
    assert str(caught.value).endswith(words)


def test_heads_are_enlarged_as_logits_are():
    logits = torch.tensor([[[[0.0, 4.0]]]])
    (found,) = auxiliary_logits((torch.zeros(1, 1, 1, 4), logits), (1, 4), "mine")
    # Centres of pixels at a quarter and three quarters between those of the smaller map.
    assert found.flatten().tolist() == [0.0, 1.0, 3.0, 4.0]
