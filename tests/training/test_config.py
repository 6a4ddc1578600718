"""What a job makes of the network and the recipe that it names."""

import pytest
import torch

import zoo
from segbench.errors import UsageError
from segbench.training.config import Job


def spec_of(model, recipe):
    return str(Job(model=model, dataset="streets", recipe=recipe).spec_for(11))


def test_a_recipe_draws_the_weights_of_a_network_that_leaves_it_open():
    assert spec_of("segfast", "paper") == "segfast,classes=11"
    assert spec_of("segfast-basic", "modern+he") == "segfast-basic,classes=11,init=he"
    assert spec_of("segfast,stem_width=8", "paper+he") == "segfast,classes=11,init=he,stem_width=8"


@pytest.mark.parametrize(
    "model",
    ["segfast,init=torch", "fcn8s", "nets_to_train:WithADraw"],
    ids=["named with the network", "no choice", "not the zoo's"],
)
def test_another_draw_than_the_recipes_stays(model):
    assert spec_of(model, "modern+he") == spec_of(model, "modern")


def test_the_draw_is_that_of_the_option_to_the_last_bit():
    networks = []
    for spec in (
        Job(model="segfast", dataset="streets", recipe="modern+he").spec_for(11),
        "segfast,init=he,classes=11",
        "segfast,classes=11",
    ):
        torch.manual_seed(7)
        networks.append(zoo.build(spec).state_dict())
    drawn, asked, plain = networks
    assert all(torch.equal(drawn[name], asked[name]) for name in asked)
    assert not all(torch.equal(drawn[name], plain[name]) for name in plain)


def test_a_path_with_an_at_is_a_network_and_no_runtime(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "me@home"
    folder.mkdir()
    (folder / "net.json").write_text('{"name": "segfast", "options": {"stem_width": 8}}')
    for model in ("me@home/net.json", "me@home/net.json,init=he"):
        assert Job(model=model, dataset="streets").spec.options["stem_width"] == 8
    with pytest.raises(UsageError) as caught:
        Job(model="me@home/net.json@openvino", dataset="streets")
    assert str(caught.value) == (
        "cannot train 'me@home/net.json@openvino': training runs in eager PyTorch; leave out "
        "'@openvino'"
    )
