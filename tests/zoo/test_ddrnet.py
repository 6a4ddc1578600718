"""DDRNet-23-slim has the figures of its paper, and its auxiliary head exists in training alone."""

import pytest
import torch
from convolution_macs import count_conv_macs

import zoo


def params_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


def on_meta(**options):
    with torch.device("meta"):
        return zoo.build("ddrnet23-slim", **options)


# Millions of parameters and GFLOPs at 2048x1024, 19 classes, as the paper prints them
@pytest.mark.parametrize(
    ("options", "millions", "gflops"),
    [({}, 5.7, 36.3), ({"width": 2, "pyramid_width": 64}, 20.1, 143.1)],
    ids=["DDRNet-23-slim", "DDRNet-23"],
)
def test_the_paper_prints_these_parameters_and_operations(options, millions, gflops):
    network = on_meta(classes=19, **options).eval()
    assert round(params_of(network) / 1e6, 1) == millions
    assert round(count_conv_macs(network, (1, 3, 1024, 2048)) / 1e9, 1) == gflops


def test_the_auxiliary_head_is_one_head_more_and_nothing_else():
    plain, taught = on_meta(classes=19), on_meta(classes=19, auxiliary=True)
    # batch norms of 64 and 64, 3x3 from 64 to 64, 1x1 with bias
    assert params_of(taught) - params_of(plain) == 4 * 64 + 9 * 64 * 64 + 65 * 19
    added = taught.state_dict().keys() - plain.state_dict().keys()
    assert {key.partition(".")[0] for key in added} == {"auxiliary"}
    assert plain.state_dict().keys() < taught.state_dict().keys()


def test_the_auxiliary_head_speaks_in_training_alone():
    network = zoo.build("ddrnet23-slim", classes=3, auxiliary=True)
    images = torch.rand(2, 3, 45, 61)
    assert [each.shape for each in network(images)] == [(2, 3, 45, 61)] * 2
    assert network.eval()(images).shape == (2, 3, 45, 61)


def test_branches_meet_at_strides_8_16_and_32():
    network = on_meta().eval()
    seen = {}
    for name in ("exchange3", "exchange4", "pyramid"):
        module = getattr(network, name)
        module.register_forward_hook(
            lambda _, inputs, __, name=name: seen.update({name: [tuple(x.shape) for x in inputs]})
        )
    network(torch.empty(1, 3, 512, 1024, device="meta"))
    assert seen == {
        "exchange3": [(1, 128, 32, 64), (1, 64, 64, 128)],
        "exchange4": [(1, 256, 16, 32), (1, 64, 64, 128)],
        "pyramid": [(1, 512, 8, 16)],
    }
