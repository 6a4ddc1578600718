"""Operators without a rule, models that no trace takes, and what counting leaves as it was."""

import logging
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional

from segbench.measurement.counting import (
    count_backward,
    count_by_module,
    count_forward,
    count_forward_by_dispatch,
    count_traced_or_dispatched,
)
from segbench.measurement.counting.traced import _count_trace

both_counters = pytest.mark.parametrize("count", [count_forward, count_forward_by_dispatch])


class Accumulating(nn.Module):
    def forward(self, images):
        return torch.cumsum(torch.cumsum(images, 2), 3) + 1


class Branching(nn.Module):
    """Asks a tensor for its value, so the meta device will not do; gives a dict."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, images):
        features = self.norm(self.convolution(images))
        if float(images.sum()) > 0:
            features = functional.relu(features)
        return {"logits": features}


@dataclass
class Prediction:
    logits: torch.Tensor


class Wrapping(nn.Module):
    """Output in an object of its own, which the tracer refuses; the meta device will do."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1, bias=False)

    def forward(self, images):
        return Prediction(self.convolution(images))


MACS, ELEMENTS, IMAGE = 16 * 16 * 8 * 27, 16 * 16 * 8, 3 * 16 * 16


@both_counters
def test_an_operator_without_a_rule_is_listed_with_its_calls(count):
    counted = count(Accumulating(), torch.zeros(1, 3, 4, 4))
    assert counted.uncounted == (("aten::cumsum", 2),)
    assert not counted.is_complete
    assert counted.flops == 3 * 4 * 4  # the addition has a rule


def test_an_operator_of_the_backward_pass_without_a_rule_is_listed():
    model = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.ELU())
    counted = count_backward(model, torch.zeros(1, 3, 4, 4))
    assert counted.uncounted == (("aten::elu_backward", 1),)
    assert counted.macs == 4 * 4 * 3 * 3


def test_a_custom_operator_is_listed_under_its_own_name():
    library = torch.library.Library("segbench_test", "FRAGMENT")
    library.define("relu(Tensor images) -> Tensor")
    library.impl("relu", lambda images: images.clone(), "CompositeExplicitAutograd")

    class Custom(nn.Module):
        def forward(self, images):
            return torch.ops.segbench_test.relu(images)

    for count in (count_forward, count_forward_by_dispatch):
        assert count(Custom(), torch.zeros(2)).uncounted == (("segbench_test::relu", 1),)


def test_a_model_that_gives_an_object_of_its_own_is_counted_by_dispatch():
    with pytest.raises(RuntimeError):
        count_forward(Wrapping(), torch.zeros(1, 3, 16, 16))
    counted = count_traced_or_dispatched(Wrapping(), torch.zeros(1, 3, 16, 16))
    assert (counted.method, counted.count.macs) == ("dispatch", MACS)


def test_a_model_that_can_be_traced_is_counted_by_fvcore():
    model = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    counted = count_traced_or_dispatched(model, torch.zeros(1, 3, 16, 16))
    assert (counted.method, counted.count.macs) == ("fvcore", MACS)


def test_a_model_that_asks_for_values_is_counted_on_the_path_that_its_input_takes():
    dark, bright = torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)
    plain = 2 * MACS + 2 * ELEMENTS
    assert count_forward(Branching(), dark).flops == plain
    assert count_forward(Branching(), bright).flops == plain + ELEMENTS
    # A trace drops what no output depends on: the sum that the branch looks at.
    asked = IMAGE - 1
    assert count_forward_by_dispatch(Branching(), dark).flops == plain + asked
    assert count_forward_by_dispatch(Branching(), bright).flops == plain + ELEMENTS + asked
    assert count_backward(Branching(), bright).macs == MACS


def test_an_error_of_the_model_itself_reaches_the_caller():
    with pytest.raises(RuntimeError, match="expected input"):
        count_traced_or_dispatched(nn.Conv2d(3, 8, 3), torch.zeros(1, 4, 8, 8))


@pytest.mark.parametrize("build", [Branching, lambda: nn.Sequential(*Branching().children())])
def test_counting_leaves_the_model_as_it_was(build):
    model = build()
    norm = model.norm if isinstance(model, Branching) else model[1]
    norm.eval()
    norm.running_mean.fill_(3)
    hooks = [len(module._forward_hooks) for module in model.modules()]
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    images = torch.ones(1, 3, 16, 16)
    for count in (count_traced_or_dispatched, count_backward, count_by_module):
        count(model, images)
    assert model.training
    assert not norm.training
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert [len(module._forward_hooks) for module in model.modules()] == hooks
    assert torch.equal(torch.get_rng_state(), random_state)


def test_counting_is_silent(caplog, capfd, recwarn):
    unused = nn.ModuleDict({"used": Accumulating(), "unused": nn.ReLU()})
    unused.forward = unused["used"].forward
    with caplog.at_level(logging.DEBUG):
        count_forward(unused, torch.zeros(1, 3, 4, 4))
    assert (caplog.text, capfd.readouterr(), list(recwarn)) == ("", ("", ""), [])


def test_a_trace_that_lost_a_tensor_on_the_meta_device_is_refused():
    class Remembering(nn.Module):
        def __init__(self):
            super().__init__()
            self.memory = torch.zeros(4, device="meta")

        def forward(self, images):
            return images + self.memory

    with pytest.raises(RuntimeError, match="lost an intermediate result"):
        _count_trace(Remembering(), (torch.zeros(4, device="meta"),))


def test_a_model_without_trainable_parameters_has_no_backward_pass():
    frozen = nn.Conv2d(3, 8, 1).requires_grad_(requires_grad=False)
    assert count_backward(frozen, torch.zeros(1, 3, 4, 4)).flops == 0
