"""A training that begins with the weights of another: what is taken, drawn anew, and said."""

import json
import shutil

import pytest
import torch
from runs_for_tests import make_job, run
from torch import nn

from segbench.errors import UsageError
from segbench.training.run_folder import write_checkpoint
from segbench.training.starting_weights import Taken, take_weights
from segbench.training.summary import read_history


def network(classes=5, width=8):
    return nn.Sequential(
        nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Conv2d(width, classes, 1)
    )


def stored(tmp_path, model, *, kind=torch.float32):
    path = tmp_path / "weights.safetensors"
    tensors = {
        name: tensor.to(kind) if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    write_checkpoint(path, tensors, {})
    return str(path)


def test_weights_of_equal_name_and_shape_are_taken_and_a_head_is_drawn_anew(tmp_path):
    parent, child = network(classes=5), network(classes=7)
    head = child[2].weight.clone()
    weights = stored(tmp_path, parent)
    taken = take_weights(child, weights)
    assert torch.equal(child[0].weight, parent[0].weight)
    assert torch.equal(child[2].weight, head)
    assert taken == Taken(weights, 7, ("2.weight", "2.bias"), ())
    assert str(taken) == f"took 7 of 9 tensors from {weights}; drawn anew: 2.weight, 2.bias"


def test_half_precision_becomes_the_type_of_the_network(tmp_path):
    parent, child = network(), network()
    take_weights(child, stored(tmp_path, parent, kind=torch.float16))
    assert child[0].weight.dtype == torch.float32
    assert torch.equal(child[0].weight, parent[0].weight.half().float())


def test_what_the_network_has_no_place_for_is_said(tmp_path):
    parent = network()
    child = parent[:1]
    words = str(take_weights(child, stored(tmp_path, parent)))
    assert words.endswith("; of no use: 1.bias, 1.num_batches_tracked, 1.running_mean and 4 more")


def test_weights_of_another_network_are_refused(tmp_path):
    weights = stored(tmp_path, network(width=16))
    with pytest.raises(UsageError) as caught:
        take_weights(network(classes=3)[:1], weights)
    assert str(caught.value) == (
        f"no weight of {weights!r} has the name and the shape of one of the network; begin with "
        "weights of the same network, or leave out --from"
    )


def test_a_run_begins_where_another_ended_and_says_so(rooms, tmp_path):
    first = run(make_job(rooms, epochs=4), tmp_path / "first")
    said = []
    job = make_job(rooms, epochs=1, seed=1, start=str(first))
    tuned = run(job, tmp_path / "tuned", on_taken=said.append)
    anew = run(make_job(rooms, epochs=1, seed=1), tmp_path / "anew")
    [about] = said
    assert about.drawn == ()
    assert json.loads((tuned / "run.json").read_text())["start"]["taken"] == about.taken
    assert json.loads((anew / "run.json").read_text())["start"] is None
    losses = [read_history(each / "history.csv")[0].loss for each in (tuned, anew)]
    assert losses[0] < losses[1]


@pytest.mark.parametrize("epochs_before", [0, 1])
def test_a_resumed_run_is_the_one_that_was_not_stopped(rooms, tmp_path, epochs_before):
    first = run(make_job(rooms), tmp_path / "first")
    job = make_job(rooms, seed=1, start=str(first))
    whole = read_history(run(job, tmp_path / "whole") / "history.csv")

    def stop(epoch, done, *_):
        if (epoch, done) == (epochs_before + 1, 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(job, tmp_path / "stopped", on_batch=stop)
    if epochs_before:
        shutil.rmtree(first)  # the state has all that follows
    resumed = run(job, tmp_path / "stopped", resume=True)
    assert read_history(resumed / "history.csv") == whole


def test_weights_that_are_not_there_leave_no_folder(rooms, tmp_path):
    missing = tmp_path / "nothere"
    with pytest.raises(UsageError, match="nothere"):
        run(make_job(rooms, start=str(missing)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
